# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo as a user runs it: twice, without root, and with a Consul."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from tests.support.consul import consul_agent
from tests.support.processes import free_port, port_is_open
from tools.ansible_test_sanity import PROJECT, shipped_files

NAMES = sorted(path.name for path in (PROJECT / "demo" / "trees").iterdir())
NOBODY = 65534


def run_demo(command: Sequence[str | Path], home: Path, **more: str) -> str:
    """The demo's output. AssertionError when it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "CONSUL_"))}
    done = subprocess.run(
        command,
        cwd=home,
        env=kept | {"HOME": str(home), "VENV": sys.prefix, "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8", **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def table_of(output: str, first_word: str) -> dict[str, list[str]]:
    """A printed table, by the first word of its rows: the columns after it."""
    lines = output.splitlines()
    start = next(number for number, line in enumerate(lines) if re.match(rf"{first_word}\s{{2,}}", line))
    rows = {}
    for line in lines[start + 2 :]:
        if not line:
            break
        name, *columns = re.split(r"\s{2,}", line)
        rows[name] = columns
    return rows


def ports(build: Path) -> dict[str, int]:
    hosts = yaml.safe_load((build / "inventory.yml").read_text(encoding="utf-8"))["monitoring"]["hosts"]
    return {name: host["ansible_port"] for name, host in hosts.items()}


def assert_whole(output: str, build: Path) -> None:
    """What every run of the demo must give, wherever it publishes to."""
    assert table_of(output, "field")["company"] == ["relabel", "__meta_consul_service_metadata_company", "3 of 3"]
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    quoted = readme.partition("Among what the demo prints:\n")[2].partition("`make demo`")[0].split("\n")
    assert len(quoted) > 5
    assert [line for line in quoted if line.strip() not in output] == []
    servers = table_of(output, "server")
    assert sorted(servers) == NAMES
    assert {name: columns[1] for name, columns in servers.items()} == dict.fromkeys(NAMES, "8")
    assert f"Mirror: {build / 'mirror'}" in output
    assert f"Report, for a browser: {build / 'report.html'}" in output
    assert "company" in (build / "report.html").read_text(encoding="utf-8")
    assert [port for port in ports(build).values() if port_is_open(port)] == []
    # Every secret in the demo's configs begins with this word.
    assert "fake-" not in output
    written = [path for folder in ("mirror", "store") for path in (build / folder).rglob("*") if path.is_file()]
    assert len(written) > 24
    for path in [*written, build / "report.html", build / "summary.json"]:
        assert b"fake-" not in path.read_bytes(), path


def test_a_second_run_finds_the_same_servers_and_changes_nothing(tmp_path: Path) -> None:
    build = tmp_path / "build"
    first = run_demo([PROJECT / "demo/run", "--build", build], tmp_path)
    assert_whole(first, build)
    assert first.startswith(f"$ ansible-playbook -i {build}/inventory.yml skills_eye.prometheus_fleet.publish -e @")
    assert "This run changed what is published." in first
    assert f"{build}/store/fields.json" in first
    before = {path: path.read_bytes() for path in (build / "store").rglob("*") if path.is_file()}
    kept = ports(build)

    second = run_demo([PROJECT / "demo/run", "--build", build], tmp_path)
    assert_whole(second, build)
    assert ports(build) == kept
    assert {columns[0] for columns in table_of(second, "server").values()} == {"unchanged"}
    assert re.search(r"changed=0 +unreachable=0 +failed=0", second)
    assert "This run changed nothing" in second
    assert {path: path.read_bytes() for path in (build / "store").rglob("*") if path.is_file()} == before


def test_without_the_consul_that_was_named_it_ends_with_the_playbook(tmp_path: Path) -> None:
    build = tmp_path / "build"
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(AssertionError, match="Nothing listens at") as ended:
        run_demo([PROJECT / "demo" / "run", "--build", build], tmp_path, CONSUL_HTTP_ADDR=address)
    assert "Traceback" not in str(ended.value)


def test_with_a_consul_it_publishes_there_and_prints_the_keys(tmp_path: Path) -> None:
    build = tmp_path / "build"
    with consul_agent(tmp_path / "consul") as agent:
        output = run_demo([PROJECT / "demo/run", "--build", build], tmp_path, CONSUL_HTTP_ADDR=agent.address)
        stored = agent.dump("skills/cm/metadata")
    assert_whole(output, build)
    assert not (build / "store").exists()
    assert {f"skills/cm/metadata/servers/{name}" for name in NAMES} < set(stored)
    for key, (_index, value) in stored.items():
        assert key in output
        assert b"fake-" not in value
    names = {field["name"] for field in json.loads(stored["skills/cm/metadata/fields"][1])["fields"]}
    assert names == set(table_of(output, "field"))


@pytest.fixture
def nobodys_checkout() -> Iterator[Path]:
    """The shipped files and an environment, all nobody's, where nobody can reach them."""
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody; the other tests ran without root")
    python = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/local/bin:/usr/bin:/bin")
    if python is None:
        pytest.skip("the Python of these tests lies where nobody may not read it")
    folder = Path(tempfile.mkdtemp(prefix="demo-without-root-"))
    try:
        folder.chmod(0o755)
        checkout = folder / "checkout"
        for name in shipped_files(PROJECT):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, checkout / name, follow_symlinks=False)
        lay_environment(checkout, python)
        (folder / "home").mkdir()
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        yield checkout
    finally:
        shutil.rmtree(folder)


def lay_environment(checkout: Path, python: str) -> None:
    """A .venv as the Makefile leaves it, with the packages of this one: nothing is installed twice."""
    venv = checkout / ".venv"
    subprocess.run([python, "-m", "venv", "--without-pip", venv], check=True, timeout=60)
    (packages,) = venv.glob("lib/python*/site-packages")
    (ours,) = (Path(entry) for entry in sys.path if entry.endswith("site-packages"))
    (packages / "ours.pth").write_text(f"{ours}\n", encoding="utf-8")
    script = venv / "bin/ansible-playbook"
    script.write_text(f"#!{venv}/bin/python\nfrom ansible.cli.playbook import main\n\nmain()\n", encoding="utf-8")
    script.chmod(0o755)
    link = venv / "collections/ansible_collections/skills_eye/prometheus_fleet"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../../..")


def test_nobody_can_run_it(nobodys_checkout: Path) -> None:
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    home = nobodys_checkout.parent / "home"
    path = f"{nobodys_checkout}/.venv/bin:/usr/local/bin:/usr/bin:/bin"
    output = run_demo([*become, nobodys_checkout / "demo/run"], home, PATH=path, TMPDIR=str(home), VENV=".venv")
    build = nobodys_checkout / "build/demo"
    assert_whole(output, build)
    assert (build / "store/fields.json").stat().st_uid == NOBODY
