# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two versions of Prometheus judge texts: what both refuse is refused, what one of them loads is read.

A running Prometheus is told to load each text, so that what shows only then counts, too.
"""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.integration.labels.test_acceptance import errors
from tests.support.processes import LOOPBACK, free_port, running
from tests.support.prometheus import binary

HERE = Path(__file__).parent
EMPTY = "global: {}\n"
# What both of Debian's builds refuse and others take: what they lack, and what depends on where they run.
NOT_IN_THESE_BUILDS = (
    "stackit_sd_configs",
    "scrape_native_histograms",
    "scrape_classic_histograms",
    "retention: {",
    "azuread: {cloud",
    "google_iam",
    "max_retries",
    "ec2_sd_configs: [{}]",
    "ca: x",
    "match_first_network",
    "role: node, label: a",
    # The engine reads no selectors of Kubernetes.
    "label: 'a=b='",
    # Prometheus 3.5 takes the default for a choice; later versions do not.
    "metric_name_validation_scheme: legacy, relabel_configs",
    # Scalars with a tag that they do not fit.
    "!!null x",
)
# Of expressions and templates the engine looks at brackets only.
BEYOND_BRACKETS = ("up ===", "nofunc", "rate(up)'", "{{ end }}'}}]", '=~"("', '{a=""}')


def texts(name: str) -> list[str]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


@contextlib.contextmanager
def judge(version: str, folder: Path) -> Iterator[Callable[[str, str | None], str]]:
    """A function that takes a main config and a rule file, and returns what Prometheus says: nothing where it loads."""
    folder.mkdir()
    main, rules, port = folder / "prometheus.yml", folder / "r.yml", free_port()
    main.write_text(EMPTY, encoding="utf-8")
    command: list[str | Path] = [
        binary(version),
        f"--config.file={main}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--web.enable-lifecycle",
        "--log.level=error",
    ]

    def ready() -> bool:
        """Whether it answers, and is the one that was started here."""
        address = f"http://{LOOPBACK}:{port}/api/v1/status/flags"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=1) as answer:
            return bool(json.loads(answer.read())["data"]["config.file"] == str(main))
        return False

    def judged(text: str, rule_text: str | None = None) -> str:
        rules.write_bytes((rule_text or "").encode())
        said = loaded(text)
        if said:
            # What depends on the moment is no refusal: a job that has found its targets, which takes it some seconds,
            # opens the files of its next settings at once. With an empty config it is gone.
            loaded(EMPTY)
            said = loaded(text)
        return said

    def loaded(text: str) -> str:
        main.write_bytes(text.encode())
        request = urllib.request.Request(f"http://{LOOPBACK}:{port}/-/reload", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30):
                return ""
        except urllib.error.HTTPError as error:
            if error.code != 500:
                raise
            return error.read().decode() or "refused"

    with running(command, ready=ready, log=folder / "log", cwd=folder, seconds=60):
        yield judged


def disagreements(verdicts: list[tuple[str, list[str], list[str]]], known: tuple[str, ...]) -> list[str]:
    """verdicts: for each text, what the versions say against it, and what the engine does."""
    return [
        f"{text!r}\n  Prometheus: {said}\n  engine: {ours or 'accepts'}"
        for text, said, ours in verdicts
        if all(said) != bool(ours) and not any(part in text for part in known)
    ]


def test_main_configs(tmp_path: Path) -> None:
    given = texts("more_configs.jsonl")
    with judge("2.42", tmp_path / "a") as older, judge("3.5", tmp_path / "b") as newer:
        verdicts = [(text, [older(text, None), newer(text, None)], errors({"prometheus.yml": text})) for text in given]
    wrong = disagreements(verdicts, NOT_IN_THESE_BUILDS)
    assert wrong == [], "\n".join(wrong)
    refused = sum(all(said) for _text, said, _ours in verdicts)
    assert refused > 200
    assert len(verdicts) - refused > 200


def test_rule_files(tmp_path: Path) -> None:
    given = texts("more_rules.jsonl")
    main = "rule_files: [r.yml]\n"
    with judge("2.42", tmp_path / "a") as older, judge("3.5", tmp_path / "b") as newer:
        verdicts = [
            (text, [older(main, text), newer(main, text)], errors({"prometheus.yml": main, "r.yml": text}))
            for text in given
        ]
    wrong = disagreements(verdicts, BEYOND_BRACKETS)
    assert wrong == [], "\n".join(wrong)
