# Copyright (c) 2026, Prometheus Fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""The one command that a sweep runs on a server: POSIX sh and any tar, nothing written there.

What the command prints, after whatever login scripts print:

    \nprometheus-fleet/1 MODE WORD\n

MODE `same`: nothing changed; WORD is the digest that was asked about, and nothing follows.
MODE `gz` or `plain`: WORD is the kind of digest that the server can compute (`sha256`, `cksum` or `none`), and a body
follows, gzip-compressed or not. When tar failed, the line and a second body follow, packed after each file was tried.

A body is records and tar archives. A record is a newline, a letter, a blank, text and a NUL; names are relative to `/`:

    c FINGERPRINT       the services and patterns that were asked for
    s INDEX             the records that follow are about this service
    d missing           its directory does not exist
    x CODE NAME         this file or directory was not packed: see ERRORS in body.py
    m TEXT              the system's words for the x before
    l files             more files than the cap: the rest is left out
    e STATUS            the end; STATUS is that of the last tar that failed, or 0; a second body ends in f STATUS

The digest is the hash of the body, so both sides compute it from the same bytes: the server by packing into the hash
tool, the controller from what it received. Every process costs a server about a millisecond, so a sweep starts as few
as can be: sh and tar, and gzip or the hash tool.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence

from ansible_collections.skills_eye.prometheus_fleet.plugins.plugin_utils._sweep.result import Limits, Service

DIGEST = re.compile(r"sha256:[0-9a-f]{64}|cksum:[0-9]{1,10}-[0-9]{1,20}")

# The script is joined to one line: csh takes no newline in quotes. It holds no single quote (the outer quotes), no
# exclamation mark (csh history), and no backslash before a quote or a backslash (fish). Every variable is sent in
# braces: `sudo -i` quotes all but letters, digits and the dollar sign for one more shell, which so fills in nothing.
# IFS is empty, so that an unquoted variable is matched against names but never split.
_SCRIPT = r"""
set +efuvx; command -v shopt >/dev/null 2>&1 && shopt -u dotglob failglob nocaseglob nocasematch nullglob 2>/dev/null;
LC_ALL=C; export LC_ALL; unset CDPATH TAR_OPTIONS TAR_WRITER_OPTIONS GZIP; IFS=;
if [ -t 1 ]; then stty -opost -echo <&1 2>/dev/null; fi;
exec </dev/null;
backslash="\a"; backslash=${backslash%a};

# The path $2 is not packed, for the reason $1.
skip() { printf "\nx %s %s\0" "$1" "$2"; };

# Set real to the physical path of $1. Status 1: it leads nowhere; 2: in a circle.
follow() {
  real=$1; hops=0;
  while :; do
    at=$(cd -P "${real%/*}/" 2>/dev/null && pwd -P && echo .) || return 1;
    at=${at%??}; real=${at%/}/${real##*/};
    [ -L "$real" ] || return 0;
    hops=$((hops + 1)); [ "$hops" -le 40 ] || return 2;
    to=$(readlink "$real" 2>/dev/null && echo .) || {
      to=$(ls -ld "$real" 2>/dev/null && echo .) || return 1;
      to=${to#*"$real -> "}; };
    to=${to%??};
    case $to in /*) real=$to ;; *) real=$at/$to ;; esac;
  done;
};

# Whether $1 or a directory between it and the folder is a link: no process is needed to say no.
linked() {
  part=$1;
  until [ "$part" = "$folder" ]; do
    [ -L "$part" ] && return 0;
    part=${part%/*};
  done;
  return 1;
};

inside() {
  [ "$root" ] || { root=$(cd -P "$folder" && pwd -P && echo .); root=${root%??}; };
  if follow "$1"; then
    case $real in "${root%/}"/*) return 0 ;; esac;
    skip outside "$1";
  else skip gone "$1";
  fi;
  return 1;
};

# The link $1 has no file at its end.
dangling() {
  follow "$1";
  if [ $? -eq 2 ]; then skip loop "$1"; else skip gone "$1"; fi;
};

# Pack the files named. GNU tar reads a backslash in a name as an escape unless it is told not to.
pack() {
  if [ "$probe" ]; then
    first=1;
    for file do
      [ "$first" ] && { set --; first=; };
      if why=$( { "$probe" <"$file" >/dev/null; } 2>&1 ); then set -- "$@" "$file";
      else unread "$file";
      fi;
    done;
    [ $# -gt 0 ] || return 0;
  fi;
  raw=;
  case "$*" in *"$backslash"*) tar --no-unquote --version >/dev/null 2>&1 && raw=--no-unquote ;; esac;
  tar $raw -chf - "$@" || bad=$?;
};

# The path $1 cannot be read, as the words in why say.
unread() { skip unreadable "$1"; printf "\nm %s\0" "${why##*: }"; };

# The path $1 is not seen. Status 1: there is no such thing; 2: a directory above it is closed; else it is said why.
unseen() {
  why=$( { : <"$1"; } 2>&1 );
  case $why in
    *"o such file"*|*"ot a directory"*) return 1 ;;
    *"ermission denied"*) return 2 ;;
  esac;
  unread "$1";
};

# Whether $1 is a directory that may be listed.
listable() { [ -d "$1" ] && [ -r "$1" ] && [ -x "$1" ]; };

# Whether the directory $1 may be listed; if not, it says so.
listed() { listable "$1" || { skip denied "$1"; return 1; }; };

# Say which of these directories, if they are still there, cannot be listed to their ends: of one that breaks off, a
# shell takes what came. Some ls complain of names in there, as of one that goes meanwhile.
unbroken() {
  [ $# -eq 0 ] || command ls "$@" >/dev/null 2>&1 || for file do
    why=$(command ls "$file" 2>&1 >/dev/null) || case $why in
      *"$file/"*) ;;
      *) listable "$file" && unread "$file" ;;
    esac;
  done;
};

# Whether more than what was seen may be in the directory $1. Few names come at once or not at all, unless what was
# removed has left them in several blocks: that they are the rest of a broken directory is not worth a process.
doubtful() {
  listable "$1" || return;
  set -- "$1"/*;
  [ $# -le 16 ] || return 0;
  if [ -e "$1" ] || [ -L "$1" ]; then return 1; fi;
};

# Say it of all directories that the words of body() name: one more process where one is doubtful and contents are sent.
ends() {
  new=1;
  for word do
    [ "$new" ] && { set --; new=; };
    glob=${word#?};
    case $word in
      s*) folder=$glob; doubtful "$folder" && set -- "$@" "$folder" ;;
      d*)
        for file in "$folder"/$glob; do
          doubtful "$file" && set -- "$@" "$file";
          [ $# -lt 500 ] || { unbroken "$@"; set --; };
        done ;;
    esac;
  done;
  unbroken "$@";
};

# Whether the folder can be listed; if not, it says why.
usable() {
  if [ -d "$folder" ]; then listed "$folder"; return; fi;
  if [ -e "$folder" ]; then skip nodir "$folder";
  elif [ -L "$folder" ]; then skip gone "$folder";
  else
    unseen "$folder";
    case $? in
      1) printf "\nd missing\0" ;;
      2) skip denied "$folder" ;;
    esac;
  fi;
  return 1;
};

# The file is not seen: it may be a pattern that nothing matches, have gone this moment, or lie in a directory of
# which that was said.
missed() {
  case $glob in *[*?[]*)
    case $file in "$folder/$glob") return ;; esac ;;
  esac;
  unseen "$file";
};

# The words say, by their first letter: a service in this folder; directories to be readable; files to be packed.
body() {
  printf "\nc %s\0" "$asked"; bad=0;
  files "$@";
  [ "$sends" ] && command -v ls >/dev/null 2>&1 && ends "$@";
  printf "\n%s %s\0" "$end" "$bad";
  [ "$bad" -eq 0 ] || kill -USR1 $$;
};

files() {
  count=0; number=0; new=1;
  for word do
    [ "$new" ] && { set --; new=; };
    glob=${word#?};
    case $word in s*)
      printf "\ns %s\0" "$number"; number=$((number + 1)); folder=$glob; root=; use=;
      usable && use=1;
      continue ;;
    esac;
    [ "$use" ] || continue;
    for file in "$folder"/$glob; do
      case $word in d*)
        if [ -d "$file" ]; then listed "$file";
        elif [ -e "$file" ] || [ -L "$file" ]; then :;
        else missed;
        fi;
        continue ;;
      esac;
      if [ -f "$file" ]; then
        if linked "$file"; then inside "$file" || continue; fi;
        [ -r "$file" ] || { skip denied "$file"; continue; };
        count=$((count + 1));
        [ "$count" -le "$most" ] || { printf "\nl files\0"; break 2; };
        set -- "$@" "$file";
        [ $# -lt 500 ] || { pack "$@"; set --; };
      elif [ -d "$file" ]; then :;
      elif [ -e "$file" ]; then skip special "$file";
      elif [ -L "$file" ]; then dangling "$file";
      else missed;
      fi;
    done;
  done;
  [ $# -eq 0 ] || pack "$@";
};

say() { printf "\n%s/1 %s %s\n" prometheus-fleet "$1" "$2"; };

send() {
  sends=1; say "$mode" "$kind";
  case $mode in gz) sweep | gzip -1cf ;; *) sweep ;; esac;
};

cd / || exit 1;
probe=; sends=; end=e; reader=:; command -v cat >/dev/null 2>&1 && reader=cat;
# What a body that tar did not pack well does, from whatever process it ran in.
trap "probe=$reader; torn=1" USR1;
for tool in sha256sum openssl shasum cksum none; do command -v "$tool" >/dev/null 2>&1 && break; done;
case $tool in cksum|none) kind=$tool ;; *) kind=sha256 ;; esac;
case $known in "$kind:"?*)
  case $tool in
    sha256sum) sum=$(sweep 2>/dev/null | sha256sum) ;;
    openssl) sum=$(sweep 2>/dev/null | openssl dgst -sha256 -r 2>/dev/null) ;;
    shasum) sum=$(sweep 2>/dev/null | shasum -a 256) ;;
    cksum) sum=$(sweep 2>/dev/null | cksum) ;;
  esac;
  case $kind in cksum) sum=${sum%% *}-${sum#* } ;; *) sum=${sum%% *} ;; esac;
  if [ "$kind:$sum" = "$known" ]; then say same "$known"; exit 0; fi ;;
esac;
case $mode in gz) command -v gzip >/dev/null 2>&1 || mode=plain ;; esac;
torn=; send;
if [ "$torn" ]; then end=f; send; fi;
exit 0
"""

# A name in a pattern with no sign but stars.
_STARS = re.compile(r"[^\[\]?\\()]*")
# The letters in there are one of several.
_BRACKETS = re.compile(r"\[.*\]", re.DOTALL)
_SAFE = re.compile(r"[A-Za-z0-9_./*?\[\]@%+=:,-]*")
# Some csh take words of at most 1,023 bytes.
_WORD = 900


def remote_command(
    services: Sequence[Service], limits: Limits, known_digest: str | None = None, *, compress: bool = True
) -> str:
    """One line of ASCII for any login shell, which prints one stream for all services.

    known_digest is what the last Bundle of this server said; a digest of another form is left out. compress costs the
    server a process of gzip, which is well spent unless the server is near. Raises ValueError for a directory that is
    not an absolute plain path, for a pattern that could leave its directory, and for no services at all.
    """
    known = known_digest if known_digest and DIGEST.fullmatch(known_digest) else ""
    before, after = _command(tuple(services), int(limits.max_files), compress)
    return f"{before}{known}{after}"


@functools.lru_cache(maxsize=64)
def _command(services: tuple[Service, ...], max_files: int, compress: bool) -> tuple[str, str]:
    """The command before and after the known digest, which is all that differs from server to server."""
    if not services:
        raise ValueError("A sweep needs at least one service")
    decode: list[str] = []
    arguments = " ".join(_argument(word, decode) for service in services for word in _service_words(service))
    settings = {"known": "$1", "most": max_files, "asked": fingerprint(services), "mode": "gz" if compress else "plain"}
    setup = " ".join([f"{name}={value};" for name, value in settings.items()] + decode)
    words = _words(_braced(f"{setup} sweep() {{ body {arguments}; }}; {_one_line(_SCRIPT)}"))
    joined = "".join(f"${{{number}}}" for number in range(2, len(words) + 2))
    return f"sh -c 'eval \"{joined}\"' sh '", "' " + " ".join(f"'{word}'" for word in words)


@functools.lru_cache(maxsize=256)
def service_directory(service: Service) -> str:
    """The directory without doubled or trailing slashes. Raises ValueError when it is not a plain absolute path."""
    parts = [part for part in service.directory.split("/") if part]
    if not service.directory.startswith("/") or "\0" in service.directory or {".", ".."} & set(parts):
        raise ValueError(f"The directory of service {service.service} must be absolute, without `.` and `..`")
    return "/" + "/".join(parts)


def service_patterns(service: Service) -> list[str]:
    """The patterns without doubled slashes, and without those whose every file another one names as well.

    Raises ValueError when one is empty, could leave the directory, or does not say how deep its files lie.
    """
    patterns: dict[str, None] = {}
    for pattern in service.patterns:
        parts = [part for part in pattern.split("/") if part not in {"", "."}]
        if not parts or pattern.startswith("/") or "\0" in pattern or ".." in parts:
            raise ValueError(f"A pattern of service {service.service} must name files below its directory: {pattern!r}")
        if "**" in parts:
            # Some shells would go down all the way, and most of them one step.
            raise ValueError(
                f"A pattern of service {service.service} must say how deep its files lie, with a * for each directory"
                f" in place of **: {pattern!r}"
            )
        patterns["/".join(parts)] = None
    kept: list[str] = []
    for one in patterns:
        if not any(_includes(other, one) for other in kept):
            kept = [other for other in kept if not _includes(one, other)] + [one]
    return kept


def _includes(wide: str, narrow: str) -> bool:
    """Whether all files that a pattern names are also named by another, as far as stars and letters tell.

    What is in the narrow one has to fall to stars of the wide one; a star begins no name with a dot. One without a
    star in its last part is found where directories cannot be listed, and costs nothing.
    """
    if wide.count("/") != narrow.count("/") or "*" not in narrow.rpartition("/")[2]:
        return False
    return all(
        one == other
        or (
            _STARS.fullmatch(one) is not None
            and (one[0] == "." or other[0] != ".")
            and re.fullmatch(".*".join(map(re.escape, one.split("*"))), _BRACKETS.sub("?", other), re.DOTALL)
        )
        for one, other in zip(wide.split("/"), narrow.split("/"), strict=True)
    )


@functools.lru_cache(maxsize=64)
def fingerprint(services: tuple[Service, ...]) -> str:
    """What was asked for, in 16 hexadecimal digits: a digest for other services or patterns never matches."""
    asked = [(service.service, service_directory(service), *service_patterns(service)) for service in services]
    return hashlib.sha256(repr(asked).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _service_words(service: Service) -> list[str]:
    """The words of body() for one service: its folder, the directories that its patterns go through, its patterns."""
    directory = service_directory(service)
    patterns = service_patterns(service)
    through: dict[str, None] = {}
    for pattern in patterns:
        parts = pattern.split("/")
        through.update(dict.fromkeys("/".join(parts[:depth]) for depth in range(1, len(parts))))
    folder = "." if directory == "/" else "." + directory
    return ["s" + folder, *("d" + glob for glob in through), *("p" + glob for glob in patterns)]


def _argument(text: str, decode: list[str]) -> str:
    """text as one double-quoted word; odd characters travel as octal digits, which decode turns into a variable."""
    if _SAFE.fullmatch(text):
        return f'"{text}"'
    name = f"arg{len(decode)}"
    octal = "".join(
        chr(byte) if byte < 0x80 and _SAFE.fullmatch(chr(byte)) else f"\\0{byte:03o}"
        for byte in text.encode("utf-8", "surrogateescape")
    )
    # The dot keeps a newline at the end from being stripped.
    decode.append(f'{name}=$(printf "%b." "{octal}"); {name}=${{{name}%.}};')
    return f'"${name}"'


def _one_line(script: str) -> str:
    lines = (line.strip() for line in script.splitlines())
    return " ".join(line for line in lines if line and not line.startswith("#"))


def _braced(script: str) -> str:
    """The script with ${name} for $name."""
    return re.sub(r"\$(\w+|\$)", r"${\1}", script)


def _words(script: str) -> list[str]:
    """Cut the script into words for single quotes; none ends in a backslash, which fish would read with the quote."""
    words = []
    start = 0
    while start < len(script):
        end = min(start + _WORD, len(script))
        while script[end - 1] == "\\":
            end -= 1
        words.append(script[start:end])
        start = end
    return words
