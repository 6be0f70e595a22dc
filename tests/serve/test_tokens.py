"""Who may call: the tokens file, what it refuses, and how it is followed."""

from __future__ import annotations

import json
import os
import stat

import pytest

from temper.serve.tokens import BadTokensError, TokenFile, add_token, create_tokens, hash_of, read_tokens


def test_a_new_file_knows_its_tokens_and_keeps_hashes_only(tmp_path) -> None:
    path = tmp_path / "deploy" / "tokens.toml"
    drawn = create_tokens(path, [("ann", ["engineer", "approver"]), ("bob", [])])
    tokens = read_tokens(path)
    assert set(drawn) == {"operator", "ann", "bob"}
    for name, token in drawn.items():
        holder = tokens.holder(token)
        assert holder is not None
        assert holder.name == name
        assert token not in path.read_text()
    assert tokens.principals["ann"].roles == {"engineer", "approver"}
    assert [name for name, who in tokens.principals.items() if who.operator] == ["operator"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["o'brien", 'quo"te', "back\\slash", "a.b", "Ü", "new\nline"])
def test_odd_names_survive(tmp_path, name) -> None:
    path = tmp_path / "tokens.toml"
    token = create_tokens(path, [(name, ["r"])])[name]
    holder = read_tokens(path).holder(token)
    assert holder is not None
    assert holder.name == name


@pytest.mark.parametrize("token", ["", "temper_", "x" * 10_000, "\udcff", hash_of("a")])
def test_other_tokens_are_nobodys(tmp_path, token) -> None:
    path = tmp_path / "tokens.toml"
    create_tokens(path, [("ann", [])])
    assert read_tokens(path).holder(token) is None


def test_a_json_file_does_as_well(tmp_path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({"principals": {"ann": {"roles": ["r"], "tokens": [hash_of("secret").upper()]}}}))
    holder = read_tokens(path).holder("secret")
    assert holder is not None
    assert holder.roles == {"r"}
    assert not holder.operator


def test_workers_have_the_effects_that_they_are_given(tmp_path) -> None:
    path = tmp_path / "tokens.toml"
    create_tokens(path, [("ann", [])])
    tokens = {
        "all": add_token(path, "all", (), works_on=None),
        "one": add_token(path, "one", ["r"], works_on=["ring"]),
        "none": add_token(path, "none", ()),
    }
    known = read_tokens(path)
    works = {name: known.holder(token) for name, token in tokens.items()}
    assert [works[name].works_on("ring") for name in tokens] == [True, True, False]
    assert [works[name].works_on("knock") for name in tokens] == [True, False, False]
    assert known.principals["operator"].works_on("ring")
    assert not known.principals["ann"].works_on("ring")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("principals = 1", "no table"),
        ("[principals.ann]\nroles = []", "needs the lists"),
        ('[principals.ann]\nroles = ["a", 1]\ntokens = []', "needs the lists"),
        ('[principals.ann]\nroles = []\ntokens = []\noperator = "yes"', "true or false"),
        ("[principals.ann]\nroles = []\ntokens = []\nadmin = true", "only roles"),
        ("[principals.ann]\nroles = []\ntokens = []\nworker = 1", "true, or a list of effects"),
        ("[principals.ann]\nroles = []\ntokens = []\nworker = [1]", "true, or a list of effects"),
        ("[[[", "broken"),
    ],
)
def test_a_broken_file_says_what_is_wrong(tmp_path, text, why) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    with pytest.raises(BadTokensError, match=why):
        read_tokens(path)


def test_a_file_is_followed_and_a_broken_change_changes_nothing(tmp_path) -> None:
    path = tmp_path / "tokens.toml"
    token = create_tokens(path, [("ann", [])])["ann"]
    followed = TokenFile(path)
    assert followed.tokens.holder(token) is not None
    path.write_text("broken [")
    assert followed.tokens.holder(token) is not None
    kept = "[principals.eve]\nroles = []\ntokens = []\n"
    path.write_text(kept)
    os.utime(path, ns=(1, 1))
    assert followed.tokens.holder(token) is None, "a token is withdrawn by deleting its line"


def test_a_principal_is_added_with_a_token_of_its_own(tmp_path) -> None:
    path = tmp_path / "tokens.toml"
    old = create_tokens(path, [("ann", ["r"])])["ann"]
    followed = TokenFile(path)
    token = add_token(path, "zoe", ["s", "t"])
    for shown, name in ((token, "zoe"), (old, "ann")):
        holder = followed.tokens.holder(shown)
        assert holder is not None
        assert holder.name == name
    assert followed.tokens.principals["zoe"].roles == {"s", "t"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BadTokensError, match="already"):
        add_token(path, "zoe", [])
