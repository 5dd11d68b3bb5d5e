"""Flows imported and exported on the command line."""

import json
from pathlib import Path

import pytest

from app.cli import main
from app.config import Settings
from flows import flow_file
from flows.registry import Registry
from tests.app.flow_files import file_of, flow
from tests.app.seeded import seeded

_TOO_LARGE = "The document is larger than 16384 KiB. Split the flow: a part of it can be a flow of its own."


def test_the_command_line_exports_plans_and_imports(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "PATCHBAY_DATA"):
        monkeypatch.setenv(name, settings.environment.get(name, ""))
    file = tmp_path / "flows.json"
    file.write_text(flow_file.write(file_of(flow("New")).flows, Registry.discover(["steps"])), encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["flows", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    with seeded(settings) as house:
        code, out, _ = run("import", str(file), "--plan")
        assert code == 1
        assert "queue “vip-night”: There is no queue “vip-night” here." in out
        code, _, err = run("import", str(file))
        assert (code, "Nothing was imported." in err) == (1, True)
        decided = ["--create", 'queues.vip-night={"title": "At night"}', "--create",
                   "constants.support_phone=+48 22 000"]  # fmt: skip
        code, out, err = run("import", str(file), *decided, "--leave-missing", "--as", "New=Newer")
        assert (code, err, out.splitlines()[0]) == (0, "", "flow “Newer” is new")
        assert house.rows("SELECT title FROM queues WHERE name = 'vip-night'") == [("At night",)]
        assert house.rows("SELECT count(*) FROM flows WHERE name = 'Newer'") == [(1,)]
        code, out, _ = run("export", "Newer", "--output", str(tmp_path / "out.json"))
        assert (code, out) == (0, "")
        assert run("import", str(tmp_path / "out.json"), "--leave-missing")[1].startswith(
            "flow “Newer” is here already as revision 1"
        )
        assert run("export", "Newer")[1] == (tmp_path / "out.json").read_text(encoding="utf-8")
        (tmp_path / "big.json").write_bytes(b'"' + b"x" * 50_000_000 + b'"')
        code, _, err = run("import", str(tmp_path / "big.json"))
        assert (code, err) == (1, f"patchbay: {tmp_path / 'big.json'}: {_TOO_LARGE}\n")
        wrong_ones = (["--use", "queues"], ["--use", "a=b"], ["--create", "credentials.crm_key"],
                      ["--create", "queues.vip-night=Night"], ["--create", "segments.typo"])  # fmt: skip
        for wrong in wrong_ones:
            code, _, err = run("import", str(file), *wrong)
            assert (code, err.endswith(".\n")) == (1, True)
        exports = "SELECT who, what FROM audit WHERE did = 'export_flows'"
        assert house.rows(exports) == [("command line", "Newer")] * 2
        assert run("export", "No such flow")[0] == 1
        loud = flow("Loud", queue="q\x1b[31m\u202e\r", number="\x9b2J")
        (tmp_path / "loud.json").write_text(json.dumps(loud), encoding="utf-8")
        for command, *more in (["import", "--plan"], ["import"], ["check"]):
            _, out, err = run(command, str(tmp_path / "loud.json"), *more)
            assert "q [31m" in out + err
            assert not set("\x1b\u202e\r\x9b") & set(out + err), command
