"""How Java is started: arguments, environment, folder; and that no secret is where others can read it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.terminal.conftest import API_KEY, PASSWORD, Place


def test_java_gets_heap_jar_credentials_file_and_config_and_runs_at_home(place: Place) -> None:
    place.environment["THETA_HEAP"] = "512m"
    place.start()
    told = place.told()
    assert told["arguments"] == [
        "-Xms512m",
        "-Xmx512m",
        f"-Duser.home={place.home}",
        f"-Djava.io.tmpdir={place.home / 'tmp'}",
        "-jar",
        str(place.jar),
        f"--creds-file={place.credentials}",
        f"--config={place.folder / 'config.toml'}",
    ]
    assert told["folder"] == told["environment"]["HOME"] == str(place.home)
    assert (place.home / "tmp").is_dir()


def test_an_api_key_goes_by_the_environment_and_stands_in_no_arguments_and_no_line(place: Place) -> None:
    place.credentials.write_text(f"{API_KEY}\r\n")
    running = place.start()
    told = place.told()
    assert told["environment"]["THETADATA_API_KEY"] == API_KEY
    assert not any("creds" in argument for argument in told["arguments"])
    for pid in (told["pid"], running.process.pid):
        assert API_KEY not in Path(f"/proc/{pid}/cmdline").read_text()
    running.process.terminate()
    assert running.ended() == 0
    assert API_KEY not in running.output
    assert "-jar" in running.output  # the arguments are shown


def test_a_password_stays_in_its_file(place: Place) -> None:
    running = place.start()
    told = place.told()
    running.process.terminate()
    assert running.ended() == 0
    assert PASSWORD not in running.output
    assert PASSWORD not in str(told)


def test_an_api_key_of_the_environment_does_not_go_before_the_file_nor_an_id_move_the_ports(place: Place) -> None:
    place.environment |= {"THETADATA_API_KEY": "td1_other", "THETATERMINALID": "3", "JAVA_TOOL_OPTIONS": "-Dx=y"}
    place.start()
    passed_on = place.told()["environment"]
    assert passed_on["JAVA_TOOL_OPTIONS"] == "-Dx=y"
    assert not {"THETADATA_API_KEY", "THETATERMINALID"} & set(passed_on)


def test_other_ports_than_the_terminal_s_own_file_names_are_warned_of(place: Place) -> None:
    (place.folder / "config.toml").write_text("port = 25503\n")
    running = place.start()
    running.until_said("the terminal seems to be told the ports 25503 and 25520")
    place.told()


def test_ports_that_agree_are_not_warned_of(place: Place) -> None:
    running = place.start()
    running.until_said("starting")
    assert "seems" not in running.output
