"""What the product says of a result in English, in German: sentences by pattern, for report texts.

Results keep their words in English, as the API, SR and pages show them. A sentence without a pattern here is not
shown in a German text; the text says that there is one more, and where.
"""

from __future__ import annotations

import re
from functools import cache

from review.german_course import REASONS, SHORT_WORDS

SITES = {
    "metastases": "Metastasen",
    "a meningioma": "einem Meningeom",
    "a vascular malformation": "einer Gefäßfehlbildung",
    "the pituitary gland": "der Hypophyse",
    "an operation under way": "einer laufenden Operation",
    "the first 48 hours after surgery": "den ersten 48 Stunden nach der Operation",
    "top": "oben",
    "left or right": "seitlich",
    "front or back": "vorn oder hinten",
    "pre-operative": "präoperativen",
    "post-operative": "postoperativen",
    "and others": "und weitere",
    "and": "und",
}
"""Words that stand in the gaps of these patterns."""

SENTENCES: tuple[tuple[str, str], ...] = (
    ("No tumour was found: all volumes are zero", "Kein Tumor gefunden: Alle Volumina sind null"),
    (
        "No tumour was found: this may not be a glioma, or the outline failed",
        "Kein Tumor gefunden: Dies ist vielleicht kein Gliom, oder die Segmentierung schlug fehl",
    ),
    (
        "{} of the tumour core's surface lies against the surface of the brain: it may be an extra-axial tumour, "
        "such as a meningioma",
        "{} der Oberfläche des Tumorkerns liegen an der Hirnoberfläche: Es kann ein extraaxialer Tumor sein, "
        "etwa ein Meningeom",
    ),
    (
        "The patient is {} years old: not validated under {}",
        "Alter {} Jahre: unter {} Jahren nicht validiert",
    ),
    (
        "The patient was operated on {}, at most {} days before: not validated so early",
        "Operation am {}, höchstens {} Tage zuvor: so früh nicht validiert",
    ),
    ("“{}” speaks of {}: not validated for that", "„{}“ spricht von {}: dafür nicht validiert"),
    (
        "The three views disagree on the outline (agreement {} of 1): check it",
        "Die drei Ansichten sind über die Umrisse uneins (Übereinstimmung {} von 1): bitte prüfen",
    ),
    (
        "Faint enhancement of {} mL was not counted as enhancing tumour: look at the T1 before and after contrast",
        "Schwache Anreicherung von {} ml wurde nicht als anreichernder Tumor gezählt: bitte T1 vor und nach "
        "Kontrastmittel ansehen",
    ),
    (
        "Model {} was trained on {} images only; this study is {}",
        "Modell {} wurde nur mit {} Bildern trainiert; diese Untersuchung gehört zu den {}",
    ),
    (
        "{} was moved by up to {} mm to fit T1CE: an overlay drawn on {} as scanned is off by as much",
        "{} wurde um bis zu {} mm an T1CE angepasst: Ein Overlay auf {} liegt um so viel daneben",
    ),
    (
        "The T1CE images end inside the brain ({}): volumes may miss a part",
        "Die T1CE-Bilder enden im Gehirn ({}): Den Volumina kann ein Teil fehlen",
    ),
    (
        "After alignment {} shares {} times as much with T1CE as before",
        "Nach der Registrierung stimmt {} {}-mal so gut mit T1CE überein wie zuvor",
    ),
    (
        "The alignment of {} with T1CE is uncertain: two searches ended {} mm apart",
        "Die Registrierung von {} auf T1CE ist unsicher: Zwei Suchläufe endeten {} mm auseinander",
    ),
    (
        "{} fits T1CE better when mirrored left to right: the sides are exchanged in one of the two. Check the side in "
        "the source images",
        "{} passt seitenverkehrt besser zu T1CE: In einer der beiden Serien sind die Seiten vertauscht. Bitte die "
        "Seite in den Quellbildern prüfen",
    ),
    (
        "The brain outline holds {} mL, which no whole brain has",
        "Die Hirnmaske fasst {} ml, was kein ganzes Gehirn hat",
    ),
    (
        "The brain outline is small ({} mL): part of the brain may not be covered",
        "Die Hirnmaske ist klein ({} ml): Ein Teil des Gehirns ist vielleicht nicht erfasst",
    ),
    (
        "The brain outline is large ({} mL): it may hold more than brain",
        "Die Hirnmaske ist groß ({} ml): Sie enthält vielleicht mehr als Gehirn",
    ),
    ("{} covers only {} of the brain seen on T1CE", "{} erfasst nur {} des Gehirns auf T1CE"),
    (
        "The brain outlines found on T1CE and on T1 differ (Dice {}): check the skull-stripping",
        "Die Hirnmasken auf T1CE und T1 weichen voneinander ab (Dice {}): bitte prüfen",
    ),
    (
        "{} shows strong ghosts beside the head ({} % of the brain's signal): the patient may have moved",
        "{} zeigt starke Geisterbilder neben dem Kopf ({} % des Hirnsignals): vielleicht Bewegung",
    ),
    (
        "The signal of {} in the brain is only {} times its noise",
        "Das Signal von {} im Gehirn ist nur das {}-Fache des Rauschens",
    ),
    (
        "Phase or real and imaginary images in the series were left out",
        "Phasen-, Real- oder Imaginärteilbilder der Serie wurden ausgelassen",
    ),
    (
        "{} images came twice and were used once ({})",
        "{} Bilder kamen doppelt und wurden einmal verwendet ({})",
    ),
    ("{} images between others are blank ({})", "{} Bilder zwischen anderen sind leer ({})"),
    (
        "{}: series {} could not be used ({}); series {} was taken",
        "{0}: Serie {1} war nicht verwendbar; stattdessen wurde Serie {3} genommen",
    ),
    (
        "Mask edited by {}: the intervals are no narrower than those of the model's outline",
        "Maske bearbeitet von {}: Die Intervalle sind nicht enger als die des Modells",
    ),
    (
        "No colour overlay was drawn on FLAIR: it has another frame of reference than T1CE",
        "Kein Farb-Overlay auf FLAIR: Die Serie hat ein anderes Bezugssystem als T1CE",
    ),
    (
        "Neither headers nor images tell surely which of {} (series {}) and {} (series {}) is which: check it",
        "Weder Kopfdaten noch Bilder sagen sicher, welche von {} (Serie {}) und {} (Serie {}) welche ist: bitte prüfen",
    ),
    (
        "Judged by their images, {} (series {}) and {} (series {}) may be exchanged: check which is which",
        "Nach den Bildern können {} (Serie {}) und {} (Serie {}) vertauscht sein: bitte prüfen",
    ),
    (
        "Interval not calibrated: this model's errors were not measured on labelled cases",
        "Intervall nicht kalibriert: Die Fehler dieses Modells wurden nicht an markierten Fällen gemessen",
    ),
)
Vocabulary = tuple[tuple[str, str], ...]
OF_SERIES = re.compile(r"(T1|T1CE|T2|FLAIR): ")
"""What a warning about one series begins with."""


def in_german(sentence: str) -> str | None:
    """The sentence, with or without its full stop, in German and without one; None where there is no pattern."""
    words = sentence.strip().rstrip(".")
    for pattern, german, vocabulary in _patterns():
        if found := pattern.fullmatch(words):
            return german.format(*(_gap(found, n, vocabulary) for n in range(1, pattern.groups + 1)))
    if (series := OF_SERIES.match(words)) and (rest := in_german(words[series.end() :])):
        return f"{series[1]}: {rest}"
    return None


def all_in_german(sentences: list[str], where: str) -> list[str]:
    """Those that have German words; for the others one line that says how many there are and `where` they stand."""
    found = [in_german(one) for one in sentences]
    known = [one for one in found if one is not None]
    if missing := len(found) - len(known):
        known.append(f"{missing} weitere Angabe{'n' if missing > 1 else ''} (englisch) {where}")
    return known


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str, Vocabulary], ...]:
    known = ((SENTENCES, _longest_first(SITES)), (REASONS, _longest_first(SHORT_WORDS)))
    return tuple(
        (re.compile(re.escape(english).replace(r"\{\}", "(.+?)"), re.DOTALL), german, vocabulary)
        for sentences, vocabulary in known
        for english, german in sentences
    )


def _longest_first(words: dict[str, str]) -> Vocabulary:
    return tuple(sorted(words.items(), key=lambda pair: -len(pair[0])))


def _gap(found: re.Match[str], number: int, vocabulary: Vocabulary) -> str:
    words = found[number]
    if found.string[: found.start(number)].endswith("“"):
        return words  # a description, as the site wrote it
    for english, german in vocabulary:
        words = re.sub(rf"(?<!\w){re.escape(english)}(?!\w)", german, words)
    return words
