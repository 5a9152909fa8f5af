"""What can be tested of the Dockerfile, the compose file, the Makefile and the packaging without their engines."""

import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from app.cli import cli
from models.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent


def dockerfile() -> list[str]:
    joined = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in joined.splitlines() if line and not line.startswith("#")]


def test_every_path_that_the_dockerfile_copies_exists_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [path for line in dockerfile() if line.startswith("COPY") for path in line.split()[1:-1]]
    assert copied
    for path in copied:
        assert (ROOT / path).exists(), path
        assert f"!{path}" in ignored, path


def variables_of_the_image() -> dict[str, str]:
    (environment,) = [line for line in dockerfile() if line.startswith("ENV")]
    variables = dict(pair.split("=", 1) for pair in shlex.split(environment)[1:])
    return {name: value for name, value in variables.items() if name.startswith("LECTOR_")}


def test_the_variables_of_the_image_are_settings_of_every_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in variables_of_the_image().items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert (settings.data, settings.host, settings.port) == (Path("/data"), "0.0.0.0", 8000)
    (tmp_path / "a.txt").write_text("Some text.", encoding="utf-8")
    indexed = CliRunner().invoke(cli, ["index", str(tmp_path / "a.txt"), "--data", str(tmp_path / "data")])
    assert indexed.exit_code == 0, indexed.output


@pytest.mark.parametrize("service", ["api", "indexer"])
def test_compose_hands_every_setting_on_but_those_of_the_image(service: str) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    assert set(compose["services"][service]["environment"]) == settings - variables_of_the_image().keys()


def test_the_health_check_is_a_program_that_finds_the_service_missing() -> None:
    (check,) = [line for line in dockerfile() if line.startswith("HEALTHCHECK")]
    command = re.search(r"CMD (\[.*\])", check)
    assert command is not None
    python, *arguments = yaml.safe_load(command[1])
    assert python == "python"
    environment = {**os.environ, "LECTOR_PORT": "1"}
    result = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "refused" in result.stderr


@pytest.mark.parametrize("service", ["api", "indexer"])
def test_compose_services_use_what_the_image_offers(service: str) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    definition = compose["services"][service]
    volumes = [volume.rsplit(":/", 1)[0] for volume in definition["volumes"]]
    assert "collections" in volumes[0]
    assert "collections" in compose["volumes"]
    verb = definition.get("command", ["serve"])
    assert CliRunner().invoke(cli, [verb[0], "--help"]).exit_code == 0
    options = [word for word in verb if word.startswith("--")]
    shown = CliRunner().invoke(cli, [verb[0], "--help"]).output
    assert all(option in shown for option in options)


def test_serving_needs_no_torch_and_no_transformers() -> None:
    needed = [line for line in requires("lector") or [] if "extra ==" not in line]
    assert needed
    assert not [line for line in needed if re.match(r"(torch|transformers|sentence-transformers)\b", line)]


def test_every_dependency_is_pinned() -> None:
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    for line in requires("lector") or []:
        name = re.match(r"[\w-]+", line)
        assert name is not None
        assert name[0].lower() in pinned, name[0]


def test_make_names_files_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for file in ("constraints.txt", "pyproject.toml"):
        assert file in makefile
        assert (ROOT / file).is_file()
    dry = subprocess.run(["make", "-n", "run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "lector index --demo" in dry
    assert "lector serve --host 127.0.0.1 --port 8000" in dry
