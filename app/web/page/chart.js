/** A chart that can be moved and looked into, by pointer, wheel, touch and keys. */

import { draw, plotWidth } from "./chart_draw.js";
import { SessionAxis } from "./session_axis.js";
import { onTheme } from "./theme.js";

/** Rows that are seen at the least; how far a key moves, and how much a key or a notch of the wheel zooms. */
const CLOSEST = 4, STRIDE = 0.15, ZOOM = 1.35, WHEEL = 0.0015;
const SERIES = ["--series-1", "--series-2", "--series-3", "--series-4", "--series-5", "--series-6"];

export class Chart {
  /**
   * @param {HTMLCanvasElement} canvas @param {AbortSignal} signal
   * @param {(row: number, byKey: boolean) => void} onCursor told of the row under the cursor, -1 for none
   */
  constructor(canvas, signal, onCursor) {
    this.canvas = canvas;
    this.onCursor = onCursor;
    this.axis = new SessionAxis(new Float64Array(), 1);
    /** @type {import("./chart_draw.js").Marks} */
    this.marks = { mark: "lines", bars: null, lines: [], volume: null, steps: false };
    this.from = 0;
    this.to = 1;
    this.cursor = -1;
    this.wanted = 0;
    /** @type {Map<number, number>} where each finger is */
    this.fingers = new Map();
    const sized = new ResizeObserver(() => this.redraw());
    sized.observe(canvas);
    signal.addEventListener("abort", () => {
      sized.disconnect();
      cancelAnimationFrame(this.wanted);
    });
    onTheme(signal, () => this.redraw());
    canvas.addEventListener("keydown", (event) => this.#key(event), { signal });
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { signal, passive: false });
    canvas.addEventListener("pointerdown", (event) => this.#down(event), { signal });
    canvas.addEventListener("pointermove", (event) => this.#move(event), { signal });
    for (const end of /** @type {const} */ (["pointerup", "pointercancel", "pointerleave"]))
      canvas.addEventListener(end, (event) => this.#up(event), { signal });
  }

  /** @param {SessionAxis} axis @param {import("./chart_draw.js").Marks} marks */
  show(axis, marks) {
    const same = axis === this.axis;
    this.axis = axis;
    this.marks = marks;
    if (!same) {
      this.cursor = -1;
      this.all();
    }
    this.redraw();
  }

  /** Everything that there is. */
  all() {
    this.from = 0;
    this.to = this.axis.length || 1;
    this.redraw();
  }

  /** @param {number} factor above 1: closer @param {number} [around] a place that stays where it is */
  zoom(factor, around = this.cursor >= 0 ? this.#placeOf(this.cursor) : (this.from + this.to) / 2) {
    const least = Math.min(this.axis.length, CLOSEST * this.axis.step);
    const room = Math.min(this.axis.length || 1, Math.max(least, (this.to - this.from) / factor));
    const share = (around - this.from) / (this.to - this.from);
    this.#look(around - room * share, room);
  }

  /** @param {number} places to the right */
  pan(places) {
    this.#look(this.from + places, this.to - this.from);
  }

  /** Move the cursor by so many rows, and what is seen with it. @param {number} rows */
  step(rows) {
    const last = this.axis.places.length - 1;
    if (last < 0) return;
    const from = this.cursor >= 0 ? this.cursor : this.axis.nearest((this.from + this.to) / 2);
    this.#point(Math.max(0, Math.min(last, from + rows)), true);
    const place = this.#placeOf(this.cursor);
    if (place < this.from) this.pan(place - this.from);
    if (place > this.to) this.pan(place - this.to);
  }

  redraw() {
    cancelAnimationFrame(this.wanted);
    this.wanted = requestAnimationFrame(() => this.#draw());
  }

  /** @param {number} from @param {number} room */
  #look(from, room) {
    const most = Math.max(0, this.axis.length - room);
    this.from = Math.max(0, Math.min(most, from));
    this.to = this.from + room;
    this.redraw();
  }

  /** @param {number} row @param {boolean} byKey */
  #point(row, byKey) {
    if (row === this.cursor) return;
    this.cursor = row;
    this.onCursor(row, byKey);
    this.redraw();
  }

  /** @param {number} row */
  #placeOf(row) {
    return this.axis.places[row] + this.axis.step / 2;
  }

  /** The place under a pointer. @param {number} clientX */
  #under(clientX) {
    const box = this.canvas.getBoundingClientRect();
    return this.from + ((clientX - box.left) / plotWidth(box.width)) * (this.to - this.from);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const room = this.to - this.from;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => (event.shiftKey ? this.pan(-room * STRIDE) : this.step(-1)),
      ArrowRight: () => (event.shiftKey ? this.pan(room * STRIDE) : this.step(1)),
      PageUp: () => this.pan(-room),
      PageDown: () => this.pan(room),
      Home: () => this.#look(0, room),
      End: () => this.#look(this.axis.length, room),
      "+": () => this.zoom(ZOOM),
      "=": () => this.zoom(ZOOM),
      "-": () => this.zoom(1 / ZOOM),
      0: () => this.all(),
      Escape: () => this.#point(-1, true),
    };
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    // Over what cannot be moved the page goes on scrolling; so it does with ctrl, by which pages are enlarged.
    if (!this.axis.length || event.ctrlKey) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : 1;
    const box = this.canvas.getBoundingClientRect();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey)
      this.pan((((event.deltaX || event.deltaY) * unit) / plotWidth(box.width)) * (this.to - this.from));
    else this.zoom(Math.exp(-event.deltaY * unit * WHEEL), this.#under(event.clientX));
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, event.clientX);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const before = this.fingers.get(event.pointerId);
    if (before === undefined || event.pointerType !== "mouse") this.#point(this.axis.nearest(this.#under(event.clientX)), false);
    if (before === undefined) return;
    const perPixel = (this.to - this.from) / plotWidth(this.canvas.getBoundingClientRect().width);
    const others = [...this.fingers].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
    this.fingers.set(event.pointerId, event.clientX);
    if (others.length === 0) this.pan((before - event.clientX) * perPixel);
    else {
      const [was, is] = [Math.abs(before - others[0]), Math.abs(event.clientX - others[0])];
      if (was > 4 && is > 4) this.zoom(is / was, this.#under((event.clientX + others[0]) / 2));
    }
  }

  /** @param {PointerEvent} event */
  #up(event) {
    this.fingers.delete(event.pointerId);
    if (event.type === "pointerleave" && event.pointerType === "mouse") this.#point(-1, false);
  }

  #draw() {
    const { canvas } = this;
    const { width, height } = canvas.getBoundingClientRect();
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    const { axis, from, to, marks, cursor } = this;
    draw(ctx, { width, height, axis, from, to, marks, cursor, colours: colours(canvas) });
    // What a test, or somebody who looks into the page, can see of it.
    canvas.dataset.drawn = String(axis.places.length);
  }
}

/** The page's own colours. @param {Element} element @returns {import("./chart_draw.js").Colours} */
function colours(element) {
  const style = getComputedStyle(element);
  const of = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return {
    paper: of("--raised"), ink: of("--ink"), muted: of("--muted"), line: of("--line"), faint: of("--faint"),
    up: of("--up"), down: of("--down"), volume: of("--volume"), series: SERIES.map(of),
    font: `11px ${style.fontFamily}`,
  };
}
