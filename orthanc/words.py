"""The words that technologists and vendors put into series descriptions, in several languages."""

from __future__ import annotations

import re
import unicodedata

EXCLUDING: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            "a localiser",
            r"\b(locali[sz]er|loca|loc|scouts?|survey|topogram|3 ?plane|three plane|planning|reperage|"
            r"lokali[sz]er|aahscout|aahead ?scout|smartbrain|plan ?scan|localizador|localizzatore|pilot)\b",
        ),
        ("an ADC map", r"(\b|d)adc\b|\bapparent diff"),
        (
            "diffusion",
            r"\b(e?dwi|dti|diff?|diffusion\w*|difusion|diffusione|trace|tracew|ep2d diff\w*|resolve|"
            r"dw|tensor|colfa|fa map|isodwi|dki|noddi|hardi|b ?[1-9]\d{2,3}|epi diff|ivim)\b",
        ),
        (
            "perfusion",
            r"\b(perf|perfusion\w*|perfusie|dsc|dce|pwi|asl|pcasl|pasl|[cr]*cbf|[cr]*cbv|mtt|ttp|tmax|"
            r"ktrans|ep2d perf\w*|dynamic|pbp|gbp|twist|rapid)\b",
        ),
        (
            "susceptibility",
            r"\b(swi\w*|e?swan|sw[ia]p|venobold|hemo|haemo|gre t2|t2 ?gre|t2 ?fl2d|t2 ?ffe|t2 ?star|"
            r"min ?ip|m ?ip|qsm|pha images|mag images|phase images|merge|medic|fl2d hemo)\b|t2 ?\*|\bt2star",
        ),
        (
            "angiography",
            r"\b(tof\w*|mra|mrv|angio\w*|inhance|phase contrast|pc3d|3dpc|venogra\w*|arterial|willis|"
            r"veins?|carotid\w*|time of flight)\b",
        ),
        ("a subtraction", r"\b(sub|subs|subtr\w*|sottrazione|subtraktion|soustraction|sustraccion)\b"),
        ("a projection", r"\b(mip|minip|proj\w*|vrt|rotation|rotating)\b"),
        (
            "a reformat",
            r"\b((?<!t1 )mpr|mprs|mpr range|reformat\w*|reformation|reformatted|rfmt|curved|reformado)\b",
        ),
        (
            "a map or mask",
            r"\b(mask|segmentation|map|maps|t1map\w*|t2map\w*|relaxometry|fieldmap|b0|b1|b1map)\b",
        ),
        ("spectroscopy", r"\b(svs|csi|spectro\w*|mrs|press|te ?\d+ svs)\b"),
        ("functional imaging", r"\b(bold|fmri|rest|resting|ep2d bold\w*|motor|language)\b"),
        ("a calibration", r"\b(calib\w*|cal|asset|coil|sense ref|ref scan|reference|shim|prescan)\b"),
        (
            "a cisternogram",
            r"\b(ciss|fiesta|fiesta c|3d drive|drive 3d|bffe|trufi|cisterno\w*|csf flow|csfflow|cine)\b",
        ),
        (
            "another part of the body",
            r"\b(spine|[ctl] ?spine|cervical|thoracic|lumbar|sacral|rachis|hws|bws|lws|wirbels\w*|columna|"
            r"colonna|orbits?|orbita|orbite\w*|sella\w*|pituitary|hypophys\w*|iac|cai|felsenbein|neck|"
            r"breast|knee|liver|abdomen|pelvis|prostate|tmj)\b",
        ),
        (
            "a screen capture or report",
            r"\b(screen ?save|screenshot|phoenix|zreport|report|key images?|dose)\b",
        ),
        ("a part of MP2RAGE", r"\b(inv ?[12]|uni den|mp2rage)\b"),
        ("STIR", r"\b(stir)\b"),
        ("proton density", r"\b(pd|pdw|pd ?w|proton|protonen\w*|densite)\b(?!.*\bt2)"),
    )
)
"""Kinds of series that are none of the four, and the words they go by (on text from `plain`)."""

FLAIR = re.compile(
    r"flair|dark ?fl(uid)?|\bda ?fl\b|\btirm|fluid ?att|\bspcir|\bspaceir|space ir|\btir2d|vista ?ir"
)
T2 = re.compile(r"(?<![\da-z])(?:[a-z]{0,3}|\dd)t2(?![\d*])|\bt ?2 ?w|\bt2|\bspc|haste")
T1 = re.compile(
    r"(?<!par)(?<!\d)t1(?!\d)|\bt ?1 ?w|mp ?rage|\bbravo|f?spgr\b|\bfspgr|\btfl3d|\bvibe|\blava|\bthrive|\bmpr?ge|"
    r"\btfe|3d ?tfe|\bravo|\bstealth|\bneuronav"
)

NO_CONTRAST = re.compile(
    r"\b(pre|precontrast|pre ?(contrast|gad\w*|gd|km|inj\w*|mdc|c)|nativ\w*|plain|avant|vor|before|prima|prior|basal|"
    r"unenhanced|nonenhanced|noncontrast|minuscontrast|"
    r"(ohne|sans|senza|sin|sem|zonder|utan|uten|uden|without|w ?o|non|no|kein|bez) ?"
    r"(contrast\w*|kontrast\w*|contraste|gad\w*|gd|km|mdc|inj\w*|iv|ce|cm|c|contr|k))\b|\bwo\b"
)
CONTRAST = re.compile(
    r"\bpluscontrast\b|\bpost(?! ?(op\w*|fossa|surg\w*|rt|rad\w*|proc\w*|treat\w*|chemo\w*|rx|resec\w*))|"
    r"\b(gd|gado\w*|gad|gadolin\w*|km|kmh?|cgd|ce|cemr|contrast\w*|kontrast\w*|contraste|contr|inj|inject\w*|injecte\w*|"
    r"apres|nach|despues|dopo|mdc|mezzo|civ|cm|wc|enhanced|t1 ?ce?|t1gd|t1gad\w*|t1km|t1post|t1wce?|mprage ?c|"
    r"gadovist|gadavist|dotarem|prohance|magnevist|multihance|omniscan|vueway|elucirem|clariscan|delayed|"
    r"contrastado|z kontrastem|kont)\b|\bt1 ?\w* ?gd\b|(?<=[a-z0-9])(gd|post|gado)\b"
)

FAT_SUPPRESSED = re.compile(r"\b(fs|fat ?sat|fatsat|spir|spair|dixon|we|fsat)\b")


def plain(text: str) -> str:
    """Lower case without accents; punctuation as spaces, but "+C" and "C-" in words."""
    folded = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    folded = "".join(c for c in folded if not unicodedata.combining(c)).lower()
    folded = re.sub(
        r"(?<![a-z0-9])c\+|\+ ?c(?![a-z])|\+ ?(?=gd|gad|km|k\b)|(?<=gd)\+|(?<=km)\+", " pluscontrast ", folded
    )
    folded = re.sub(r"(?<=t1)\+|(?<=[a-z0-9 ])\+ *$", " pluscontrast ", folded)
    folded = re.sub(r"(?<![a-z0-9])c-(?![a-z0-9])|(?<= )-c(?![a-z])", " minuscontrast ", folded)
    return re.sub(r"[^a-z0-9*]+", " ", folded).strip()
