"use strict";

// Shows the description with Swagger UI. Where tokens are asked for, the description wants one too: then the page
// asks for it first, keeps it in memory alone, and hands it on to the calls that are tried out.

const said = document.getElementById("said");
const form = document.getElementById("ask");
const field = document.getElementById("token");

async function load(token) {
  let answer;
  try {
    answer = await fetch("/openapi.json", { headers: token ? { Authorization: `Bearer ${token}` } : {} });
  } catch {
    said.textContent = "The platform does not answer; reload the page to try again.";
    return;
  }
  if (answer.status === 401) {
    said.textContent = token
      ? "That is none of the tokens of this platform."
      : "This platform asks for one of its API tokens.";
    form.hidden = false;
    field.value = "";
    field.focus();
    return;
  }
  if (!answer.ok) {
    said.textContent = `The description could not be loaded (${answer.status}); reload the page to try again.`;
    return;
  }
  show(await answer.json(), token);
}

/** What is tried out here is drawn here: a page that is given a hundred thousand rows stands still. */
function shown(request) {
  const url = new URL(request.url, location.href);
  if (url.pathname.startsWith("/historical/")) request.headers.Prefer = "respond-async";
  if (url.pathname.endsWith("/data") && !url.searchParams.has("limit")) {
    url.searchParams.set("limit", "100");
    request.url = url.href;
  }
  return request;
}

function show(spec, token) {
  said.textContent = "";
  form.hidden = true;
  const ui = SwaggerUIBundle({
    spec,
    dom_id: "#api",
    deepLinking: true,
    displayRequestDuration: true,
    filter: true,
    validatorUrl: null,
    defaultModelsExpandDepth: 0,
    requestInterceptor: shown,
    onComplete() {
      if (token) ui.preauthorizeApiKey("token", token);
    },
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const token = field.value.trim();
  if (token) load(token);
});

load("");
