# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import template
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.skills_eye.prometheus_fleet.plugins.filter import extract_fields as module
from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.explain_label import explain_label
from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.extract_fields import FilterModule, extract_fields
from ansible_collections.skills_eye.prometheus_fleet.plugins.filter.route_check import route_check
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep import mirror
from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import FileResult, ServerResult

CONFIG = "scrape_configs: [{job_name: j, static_configs: [{targets: ['h:1'], labels: {env: '{{ not_a_variable }}'}}]}]"


def entry(text: str = CONFIG, name: str = "prometheus.yml") -> dict[str, Any]:
    return {"status": "ok", "files": [{"path": f"/p/{name}", "service": "prometheus", "content": text}]}


def names(found: dict[str, Any]) -> list[str]:
    return [item["name"] for item in found["fields"]]


def test_it_is_found_under_its_name() -> None:
    assert FilterModule().filters() == {"extract_fields": extract_fields}


def test_the_forms_of_input() -> None:
    for given, server in (
        ({"hosts": {"a": entry()}, "summary": {}}, "a"),
        ({"a": entry()}, "a"),
        (entry(), "localhost"),
    ):
        found = extract_fields(given)
        assert (names(found), list(found["servers"])) == (["env", "instance", "job"], [server])
    assert extract_fields({"hosts": {}}) == {"fields": [], "servers": {}}


def test_servers_can_be_chosen() -> None:
    given = {"hosts": {"a": entry(), "b": entry(CONFIG.replace("env", "other")), "c": entry()}}
    found = extract_fields(given, servers=["c", "a"])
    assert list(found["servers"]) == ["a", "c"]
    assert "other" not in names(found)
    with pytest.raises(AnsibleFilterError, match="extract_fields: the sweep has no server x, y"):
        extract_fields(given, servers=["a", "x", "y"])


def test_options() -> None:
    assert names(extract_fields({"a": entry(name="main.yml")}, main_config=["main.yml"])) == ["env", "instance", "job"]
    broken = {"a": entry(CONFIG + "\nunknown: 1")}
    assert names(extract_fields(broken)) == []
    assert names(extract_fields(broken, refused="keep")) == ["env", "instance", "job"]
    template = CONFIG.replace("]}]", "], relabel_configs: [{target_label: 'a-${1}', replacement: x}]}]")
    assert "a-" in names(extract_fields({"a": entry(template)}))
    assert "a-" not in names(extract_fields({"a": entry(template)}, prometheus_version=2))


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (5, {}, r"expected a sweep result \(a dictionary\), not a number"),
        (None, {}, "not nothing"),
        ({"hosts": []}, {}, "hosts must be a dictionary of servers, not a list"),
        ({"hosts": {"a": []}}, {}, "the entry of server a must be a dictionary"),
        ({"skipped": True, "changed": False}, {}, "expected a sweep result; this has no hosts, but skipped, changed"),
        ({"results": [{}], "changed": False}, {}, "expected a sweep result; this has no hosts, but results, changed"),
        ({"fields": [], "servers": {}}, {}, "expected a sweep result; this has no hosts, but fields, servers"),
        ({"hosts": {"a": {"files": [{}]}}}, {}, "files of server a must be a list of dictionaries with a path"),
        ({"hosts": {"a": {"files": [{"path": "/x", "content": 5}]}}}, {}, "content of /x of server a must be text"),
        ({}, {"main_config": []}, "main_config must be a list of file names"),
        ({}, {"prometheus_version": 1}, "prometheus_version must be 2 or 3"),
        ({}, {"refused": "maybe"}, "refused must be omit or keep"),
        ({}, {"servers": 5}, "servers must be a list of names"),
        ("/nowhere/at/all", {}, "There is no mirror at /nowhere/at/all"),
    ],
)
def test_what_cannot_be_used_is_said(given: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"extract_fields: .*{message}"):
        extract_fields(given, **options)


SECRET = "hunter2"
TEXTS = {
    f"scrape_configs:\n- bearer_token: {SECRET}\n": "a text of 2 lines",
    f"bearer_token: {SECRET}": "a text of 21 characters",
    f'{{"bearer_token":"{SECRET}"}}': "a text of 26 characters",
    f"https://me:{SECRET}@h": "a text of 20 characters",
    SECRET + "x" * 4096: "a text of 4103 characters",
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_no_path_and_is_not_repeated(text: str) -> None:
    wanted = f"expected a sweep result or the path of a mirror, got {TEXTS[text]}"
    for call in (extract_fields, route_check, lambda value: explain_label(value, "env")):
        with pytest.raises(AnsibleFilterError, match=wanted) as refused:
            call(text)
        assert SECRET not in str(refused.value)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_in_another_place_is_not_repeated(text: str) -> None:
    for given, options in (
        ([text], {}),
        ({text: text}, {}),
        ({text: {"files": [{"path": "/x", "content": 5}]}}, {}),
        ({"hosts": {text: text}}, {}),
        ({"hosts": text}, {}),
        ({text: {"files": [text]}}, {}),
        ({"a": {"files": [{"path": text, "content": 5}]}}, {}),
        ({"a": entry()}, {"servers": text}),
        ({"a": entry()}, {"servers": [text]}),
        ({"a": entry()}, {"prometheus_version": text}),
        ({"a": entry()}, {"refused": text}),
    ):
        with pytest.raises(AnsibleFilterError) as refused:
            extract_fields(given, **options)
        assert SECRET not in str(refused.value)
    with pytest.raises(AnsibleFilterError, match="no server has a job called a text of") as refused:
        explain_label({"a": entry()}, "env", job=text)
    assert SECRET not in str(refused.value)


def test_a_mirror_directory_can_be_given(tmp_path: Path) -> None:
    result = ServerResult("ok", files=[FileResult("/p/prometheus.yml", "prometheus", content=CONFIG)])
    other = ServerResult("ok", files=[FileResult("/p/prometheus.yml", "prometheus", content="global: {}")])
    mirror.Mirror(str(tmp_path / "mirror")).apply({"a": result, "b": other})
    assert names(extract_fields(str(tmp_path / "mirror"))) == ["env", "instance", "job"]
    assert list(extract_fields(str(tmp_path / "mirror"), servers=["b"])["servers"]) == ["b"]


def without_contents(status: str = "ok", *, files: bool = True) -> dict[str, Any]:
    """A server's entry as the module configs returns it."""
    file = {**entry()["files"][0], "content": None, "error": None}
    return {"status": status, "files": [file] if files else []}


@pytest.mark.parametrize(
    "given",
    [
        {"hosts": {"a": without_contents()}, "dest": "/m"},
        {"hosts": {"a": without_contents("unchanged", files=False)}, "dest": "/m"},
        {"hosts": {"a": without_contents("unreachable", files=False)}, "dest": "/m"},
        # hosts alone, and one server of them
        {"a": without_contents(), "b": without_contents("unreachable", files=False)},
        {"a": without_contents("unchanged", files=False)},
        without_contents(),
    ],
)
def test_a_result_without_contents_is_refused_with_the_remedy(given: Any) -> None:
    """It would be a fleet without fields, and publishing that would succeed."""
    for call in (extract_fields, route_check, lambda value: explain_label(value, "env")):
        with pytest.raises(AnsibleFilterError, match=r"in its mirror: give the path of that, as in swept\.dest \|"):
            call(given)


def test_files_that_are_no_text_are_no_result_without_contents(tmp_path: Path) -> None:
    mixed = {"a": {"status": "ok", "files": without_contents()["files"] + entry(name="other.yml")["files"]}}
    broken = {"a": {"status": "partial", "files": [{**without_contents()["files"][0], "error": "not readable"}]}}
    down = {"a": without_contents("unreachable", files=False)}
    for given in (mixed, broken, down, {"hosts": down}, {"hosts": {}, "dest": "/m"}):
        extract_fields(given)
    binary = ServerResult("ok", files=[FileResult("/p/prometheus.yml", "prometheus", sha256="0", content=None)])
    mirror.Mirror(str(tmp_path / "mirror")).apply({"a": binary})
    [problem] = extract_fields(str(tmp_path / "mirror"))["servers"]["a"]["problems"]
    assert "it is not text" in problem["message"]


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RE2_IMPORT_ERROR", ImportError("no re2"))
    with pytest.raises(
        AnsibleFilterError, match=r"extract_fields: Failed to import the required Python library \(google-re2\)"
    ):
        extract_fields({})


def test_it_takes_what_ansible_hands_over_and_templates_nothing_of_it() -> None:
    templar = template.Templar(loader=DataLoader(), variables={"sweep": wrap_var({"hosts": {"a": entry()}})})
    expression = "{{ (sweep | skills_eye.prometheus_fleet.extract_fields).fields[0] }}"
    # Since ansible-core 2.19, only what says that it is a template is one.
    if hasattr(template, "trust_as_template"):
        expression = template.trust_as_template(expression)
    assert templar.template(expression)["values"] == ["{{ not_a_variable }}"]


def test_a_server_with_very_many_problems_tells_the_first() -> None:
    """A small file made results, a summary and a page of tens of megabytes, and a run of minutes."""
    jobs = "".join(f"- {{job_name: j{number}, bad: 1}}\n" for number in range(1500))
    warnings = "rule_files: [" + ", ".join(f"r{number}.yml" for number in range(20)) + "]\n"
    problems = extract_fields({"a": entry(f"{warnings}scrape_configs:\n{jobs}")})["servers"]["a"]["problems"]
    assert [item["severity"] for item in problems] == ["error"] * 1000 + ["warning"]
    assert [item["line"] for item in problems[:1000]] == list(range(3, 1003))
    assert "more problems than are told here" in problems[-1]["message"]
    broken = "route: {receiver: x}\nreceivers: [{name: x}]\n" + "".join(f"bad{number}: 1\n" for number in range(1500))
    files = [{"path": "/a/alertmanager.yml", "service": "alertmanager", "content": broken}]
    findings = route_check({"a": {"status": "ok", "files": files}})
    assert len(findings) <= 1002
    assert "The config is on a server with 500 more problems than are told here." in [it["message"] for it in findings]


@pytest.mark.parametrize(
    "expression",
    [
        "{{ path | skills_eye.prometheus_fleet.extract_fields }}",
        "{{ (path | skills_eye.prometheus_fleet.extract_fields).fields | map(attribute='values') | flatten | join }}",
        "{{ [path] | map('skills_eye.prometheus_fleet.extract_fields') | list }}",
        "{{ path | skills_eye.prometheus_fleet.extract_fields | to_json }}",
        "{{ path | skills_eye.prometheus_fleet.explain_label('env') }}",
        "{{ path | skills_eye.prometheus_fleet.route_check }}",
    ],
)
def test_what_servers_wrote_in_a_mirror_is_no_template_later(tmp_path: Path, expression: str) -> None:
    """A fact is templated when it is used, until ansible-core 2.18 by what is marked in it alone."""
    made = tmp_path / "made"
    hostile = f"{{{{ lookup('ansible.builtin.pipe', 'touch {made}') }}}}"
    content = CONFIG.replace("{{ not_a_variable }}", hostile.replace("'", "''"))
    routes = "{route: {receiver: x, group_by: [env]}, receivers: [{name: x}]}"
    files = [
        FileResult("/p/prometheus.yml", "prometheus", sha256="0", content=f'rule_files: ["{hostile}"]\n{content}'),
        FileResult("/a/alertmanager.yml", "alertmanager", sha256="1", content=routes),
    ]
    path = str(tmp_path / "mirror")
    mirror.Mirror(path).apply({"a": ServerResult("ok", files=files)})
    trusted = getattr(template, "trust_as_template", str)
    fact = template.Templar(DataLoader(), {"path": path}).template(trusted(expression))
    assert str(made) in str(fact)
    template.Templar(DataLoader(), {"fact": fact}).template(trusted("{{ fact }}"))
    assert not made.exists()
