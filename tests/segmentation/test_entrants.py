import json

import pytest

from segmentation.case_folder import CaseNote, write_case_note
from segmentation.entrants import cross_validation, distinct_names, one_model
from segmentation.errors import BadInputError, BadModelError
from tests.segmentation.cascade_cases import random_weights, tiny_model_folder


def folds(root, **held_out):
    for seed, (name, cases) in enumerate(held_out.items()):
        folder = tiny_model_folder(root / name, random_weights(seed))
        (folder / "fold.json").write_text(json.dumps({"held_out": cases}))
    return root


@pytest.fixture
def two(tmp_path):
    return cross_validation(folds(tmp_path / "cv", fold0=["a", "b"], fold1=["c"]), "cpu")


def test_each_case_goes_to_the_fold_that_never_saw_it(two, tmp_path):
    assert two.model_for(tmp_path / "b").folder.name == "fold0"
    assert two.model_for(tmp_path / "c").folder.name == "fold1"
    assert [fold["held_out"] for fold in two.folds_content()] == [["a", "b"], ["c"]]


def test_a_simulated_case_goes_where_the_case_it_was_made_of_was_held_out(two, tmp_path):
    (tmp_path / "c-postop").mkdir()
    write_case_note(tmp_path / "c-postop", CaseNote(source="c"))
    assert two.model_for(tmp_path / "c-postop").folder.name == "fold1"


def test_a_case_that_all_folds_may_have_seen_is_refused(two, tmp_path):
    with pytest.raises(BadInputError, match="No fold of cross-validation cv held d out"):
        two.model_for(tmp_path / "d")


def test_a_folder_without_folds_is_refused(tmp_path):
    tiny_model_folder(tmp_path / "cv" / "m")
    with pytest.raises(BadModelError, match=r"holds no folds \(model folders with a fold.json\)"):
        cross_validation(tmp_path / "cv", "cpu")


@pytest.mark.parametrize("text", ["{", "{}", '{"held_out": "a"}', '{"held_out": [1]}', "[]"])
def test_a_damaged_fold_file_is_named(tmp_path, text):
    root = folds(tmp_path / "cv", fold0=["a"])
    (root / "fold0" / "fold.json").write_text(text)
    with pytest.raises(BadModelError, match=r"fold0/fold\.json is damaged"):
        cross_validation(root, "cpu")


def test_folds_that_held_out_the_same_case_are_no_cross_validation(tmp_path):
    root = folds(tmp_path / "cv", fold0=["a", "b"], fold1=["b"])
    with pytest.raises(BadModelError, match="b was held out by two folds, fold0 and fold1"):
        cross_validation(root, "cpu")


def test_models_of_one_name_are_told_apart_by_their_folders(tmp_path):
    one = one_model(tiny_model_folder(tmp_path / "one"), "cpu")
    two = one_model(tiny_model_folder(tmp_path / "two"), "cpu")
    assert distinct_names([one]) == ["tiny 1"]
    assert distinct_names([one, two]) == [f"tiny 1 ({tmp_path / 'one'})", f"tiny 1 ({tmp_path / 'two'})"]
    with pytest.raises(BadInputError, match="given twice"):
        distinct_names([one, one])
