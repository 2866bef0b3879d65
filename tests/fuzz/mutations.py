"""DICOM files and archives that nobody should send: every one follows from its number alone."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from io import BytesIO

from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

MARK = "fuzz9mark"
"""Stands in every hostile text; a page that gives it back as markup has a hole."""

HOSTILE_TEXTS = (
    f"<script>{MARK}()</script>",
    f'"><img src=x onerror={MARK}()>',
    f"'-{MARK}()-'",
    f"</title><svg onload={MARK}()>",
    f"{{{{ {MARK} }}}}{{% {MARK} %}}",
    f"javascript:{MARK}()",
    f"=cmd|'/c {MARK}'!A1",
    f"@SUM(1+1)*{MARK}",
    f"\r\nSet-Cookie: {MARK}=1",
    f"../../../../{MARK}",
    f"..\\..\\{MARK}",
    f"'; DROP TABLE review_study; --{MARK}",
    f"nul\x00{MARK}",
    f"\u202e{MARK}\ufeff\u2028",
    f"\ud7ff{MARK}😀",
    "%s%s%n" + MARK,
    "A" * 70_000,
    "\\" * 300,
    "^" * 300,
    "9" * 400,
    "-1",
    "NaN",
    "1e309",
    "",
    " ",
)
TEXT_TAGS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "IssuerOfPatientID", "StudyDate",
    "StudyTime", "StudyDescription", "SeriesDescription", "ProtocolName", "AccessionNumber", "InstitutionName",
    "Manufacturer", "ManufacturerModelName", "BodyPartExamined", "ContrastBolusAgent", "SequenceName", "ImageType",
    "SpecificCharacterSet", "Modality", "SeriesNumber", "InstanceNumber", "AcquisitionTime", "SoftwareVersions",
    "TimezoneOffsetFromUTC", "MagneticFieldStrength", "ScanningSequence", "MRAcquisitionType", "EchoTime",
    "RepetitionTime", "InversionTime", "FlipAngle", "SliceThickness", "PixelSpacing", "ImagePositionPatient",
    "ImageOrientationPatient", "FrameOfReferenceUID", "NumberOfFrames", "RescaleSlope", "RescaleIntercept",
    "PhotometricInterpretation", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID",
)  # fmt: skip
NUMBER_TAGS = (
    "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel",
    "PlanarConfiguration", "SmallestImagePixelValue",
)  # fmt: skip
HOSTILE_NAMES = (
    "../../../../tmp/{mark}.dcm",
    "/etc/{mark}",
    "C:\\windows\\{mark}.dcm",
    "<img src=x onerror={mark}()>.dcm",
    "{mark}\r\nX-Injected: 1.dcm",
    "{mark}\x00.dcm",
    "\u202e{mark}.dcm",
    "=HYPERLINK({mark}).dcm",
    "a" * 3000 + "{mark}",
    "",
    ".",
    "..",
    "CON",
)


@dataclass(frozen=True, slots=True)
class HostileFile:
    """One file to send: its kind, the name that it claims, and its bytes."""

    kind: str
    name: str
    data: bytes


Bytes = bytes
Mutation = Callable[[random.Random, bytes], bytes]


def hostile_file(number: int, seeds: Sequence[bytes]) -> HostileFile:
    """The hostile file of this number; the same number and seeds always give the same bytes."""
    chance = random.Random(number)
    kind, mutation = KINDS[number % len(KINDS)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, of what is wrong on purpose
        data = mutation(chance, chance.choice(seeds))
    name = f"{number}.dcm" if chance.random() < 0.7 else chance.choice(HOSTILE_NAMES).format(mark=MARK)
    return HostileFile(kind, name, data)


def _flipped(chance: random.Random, data: bytes) -> bytes:
    """Some bits anywhere, also in the group of the file's own header."""
    changed = bytearray(data)
    until = len(changed) if chance.random() < 0.5 else min(len(changed), 1500)
    for _ in range(chance.choice((1, 3, 20))):
        changed[chance.randrange(until)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def _spliced(chance: random.Random, data: bytes) -> bytes:
    """A piece repeated, left out, or filled with one byte."""
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.randrange(1, 400))
    piece = chance.choice((b"", data[start:end] * 3, bytes([chance.choice((0, 255))]) * (end - start)))
    return data[:start] + piece + data[end:]


def _huge_length(chance: random.Random, data: bytes) -> bytes:
    """A length that points far out of the file, or is undefined."""
    place = chance.randrange(140, len(data) - 4)
    value = chance.choice((0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x80000000, 2**31 - 2, 65536, 1))
    return data[:place] + struct.pack("<I", value) + data[place + 4 :]


def _hostile_text(chance: random.Random, data: bytes) -> bytes:
    """Texts with markup, formulas, paths and control characters, as another instance that Orthanc does not know."""
    dataset = _parsed(data)
    for keyword in chance.sample(TEXT_TAGS, chance.choice((1, 2, 6))):
        text = chance.choice(HOSTILE_TEXTS)
        raw = text.encode("utf-8", "surrogatepass")
        _put_raw(dataset, keyword, raw)
    try:
        return _written(dataset, chance)
    except (
        OverflowError,
        TypeError,
        ValueError,
    ):  # pydicom itself looks at some numbers before it writes them
        return _flipped(chance, data)


def _hostile_numbers(chance: random.Random, data: bytes) -> bytes:
    """Pixel bombs and descriptions that fit no pixels."""
    dataset = _parsed(data)
    for keyword in chance.sample(NUMBER_TAGS, chance.choice((1, 2, 4))):
        _put_raw(dataset, keyword, struct.pack("<H", chance.choice((0, 1, 7, 8, 255, 32768, 65535))))
    if chance.random() < 0.3:
        _put_raw(dataset, "NumberOfFrames", chance.choice((b"0", b"-1", b"999999999", b"1.5", b"x")))
    return _written(dataset, chance)


def _deep(chance: random.Random, data: bytes) -> bytes:
    """Sequences within sequences."""
    dataset = _parsed(data)
    inner = Dataset()
    inner.CodeMeaning = f"<b>{MARK}</b>"
    for _ in range(chance.choice((3, 20, 60))):
        outer = Dataset()
        outer.ConceptNameCodeSequence = Items([inner])
        inner = outer
    dataset.ProcedureCodeSequence = Items([inner])
    return _written(dataset, chance)


def _very_deep(chance: random.Random, data: bytes) -> bytes:
    """Thousands of levels, written by hand: no library would."""
    levels = chance.choice((500, 2000, 20_000))
    opening = struct.pack("<HH2sHI", 0x0040, 0xA043, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    closing = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    dataset = _parsed(data)
    del dataset[Tag("PixelData")]
    _make_new(dataset, chance)
    head = _written(dataset, chance)
    return head + opening * levels + (closing * levels if chance.random() < 0.5 else b"")


def _private(chance: random.Random, data: bytes) -> bytes:
    """Elements that nobody knows, of every representation, with bytes that do not fit it."""
    dataset = _parsed(data)
    body = b"".join(
        struct.pack("<HH2sH", 0x0009, 0x1000 + n, vr, len(filling)) + filling
        for n, vr in enumerate((b"DS", b"IS", b"DA", b"TM", b"FD", b"US", b"PN", b"UI", b"AT", b"??"))
        for filling in (bytes(chance.randrange(256) for _ in range(chance.choice((1, 2, 7, 8)))),)
    )
    whole = _written(dataset, chance)
    place = whole.find(struct.pack("<HH", 0x0010, 0x0010))
    return whole[:place] + body + whole[place:] if place > 0 else whole + body


def _without(chance: random.Random, data: bytes) -> bytes:
    """Elements gone or empty."""
    dataset = _parsed(data)
    for keyword in chance.sample((*TEXT_TAGS, *NUMBER_TAGS, "PixelData"), 4):
        if keyword not in dataset:
            continue
        if chance.random() < 0.5 or keyword == "PixelData":  # pydicom writes no empty pixels in pieces
            del dataset[Tag(keyword)]
        else:
            _put_raw(dataset, keyword, b"")
    return _written(dataset, chance, new_uid="SOPInstanceUID" in dataset)


def _other_syntax(chance: random.Random, data: bytes) -> bytes:
    """A transfer syntax that is not that of the bytes."""
    dataset = _parsed(data)
    syntax = chance.choice(
        ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.4.70",
         "1.2.840.10008.1.2.1.99", "1.2.3.4", "x", "1.2.840.10008.1.2.4.100")
    )  # fmt: skip
    whole = _written(dataset, chance)
    ours = b"1.2.840.10008.1.2.1\x00"
    return whole.replace(ours, syntax.encode().ljust(len(ours), b"\x00")[: len(ours)], 1)


def _deflate_bomb(chance: random.Random, data: bytes) -> bytes:
    """A deflated file that grows a thousandfold."""
    dataset = _parsed(data)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    _make_new(dataset, chance)
    dataset.PixelData = bytes(chance.choice((1, 20)) * 1024 * 1024)
    return _saved(dataset)


def _not_deflated(chance: random.Random, data: bytes) -> bytes:
    """Says that it is deflated, and is not, or is cut off within."""
    dataset = _parsed(data)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    whole = _saved(dataset)
    place = chance.randrange(360, max(361, len(whole)))
    return whole[:place] + bytes(chance.randrange(256) for _ in range(40))


def _archive(chance: random.Random, data: bytes) -> bytes:
    """Archives with hostile names, doubled names, links and archives within."""
    packed = io.BytesIO()
    kind = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(), zipfile.ZipFile(packed, "w", kind) as archive:
        warnings.simplefilter("ignore", UserWarning)  # names may be there twice
        for number in range(chance.choice((1, 3))):
            name = chance.choice(HOSTILE_NAMES).format(mark=MARK).replace("\x00", "_") or "empty"
            info = zipfile.ZipInfo(name if chance.random() < 0.8 else f"{number}.dcm")
            info.external_attr = chance.choice((0, 0o120777 << 16, 0o100644 << 16))
            archive.writestr(info, chance.choice((data, b"/etc/passwd", b"", data[:200])))
    return packed.getvalue()


def _broken_archive(chance: random.Random, data: bytes) -> bytes:
    return chance.choice((_flipped, _cut, _spliced, _huge_length))(
        chance, _archive(chance, data) + bytes(160)
    )


def _zip_bomb(chance: random.Random, data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("bomb.dcm", bytes(chance.choice((1, 24)) * 1024 * 1024)), ("image.dcm", data)):
            # With the date that a ZipInfo has by itself: the same number is the same file on every day.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    whole = packed.getvalue()
    if chance.random() < 0.5:  # the size that it states is a lie
        place = whole.rfind(b"PK\x01\x02")
        whole = whole[: place + 24] + struct.pack("<I", 10) + whole[place + 28 :]
    return whole


def _noise(chance: random.Random, data: bytes) -> bytes:
    """Anything at all behind the letters DICM, or zlib's own noise."""
    filling = chance.randbytes(chance.choice((0, 1, 64, 3000)))
    return chance.choice(
        (bytes(128) + b"DICM" + filling, filling, b"PK\x03\x04" + filling, zlib.compress(filling))
    )


KINDS: tuple[tuple[str, Mutation], ...] = (
    ("bits flipped", _flipped),
    ("cut short", _cut),
    ("spliced", _spliced),
    ("huge lengths", _huge_length),
    ("hostile texts", _hostile_text),
    ("pixel bombs", _hostile_numbers),
    ("deep nesting", _deep),
    ("very deep nesting", _very_deep),
    ("private elements", _private),
    ("elements missing", _without),
    ("wrong transfer syntax", _other_syntax),
    ("deflate bombs", _deflate_bomb),
    ("not deflated", _not_deflated),
    ("archives with hostile names", _archive),
    ("broken archives", _broken_archive),
    ("zip bombs", _zip_bomb),
    ("noise", _noise),
)


def _parsed(data: bytes) -> Dataset:
    with config.disable_value_validation():
        return deepcopy(dcmread(BytesIO(data)))


def _put_raw(dataset: Dataset, keyword: str, value: bytes) -> None:
    """Bytes as they are, whatever the dictionary says of the element."""
    from pydicom.datadict import dictionary_VR, tag_for_keyword
    from pydicom.dataelem import RawDataElement

    number = tag_for_keyword(keyword)
    if number is None:
        raise ValueError(f"{keyword} is no keyword of DICOM.")
    tag = Tag(number)
    vr = dictionary_VR(tag).split(" ")[0]
    if len(value) > 65_000:
        value = value[:65_000]
    padded = value + (b"\x00" if len(value) % 2 else b"")
    implicit = dataset.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    dataset[tag] = RawDataElement(tag, vr, len(padded), padded, 0, implicit, True)


def _make_new(dataset: Dataset, chance: random.Random) -> None:
    """Another instance, also by the file's own header: Orthanc takes no object by C-STORE where the two differ."""
    dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.{chance.randrange(10**30)}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID


def _written(dataset: Dataset, chance: random.Random, *, new_uid: bool = True) -> bytes:
    if new_uid:
        with config.disable_value_validation():
            known = str(dataset.get("SOPInstanceUID", ""))
        if known.replace(".", "").isdigit():
            _make_new(dataset, chance)
    return _saved(dataset)


def _saved(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    with config.disable_value_validation():
        dataset.save_as(buffer)
    return buffer.getvalue()
