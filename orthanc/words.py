"""The words that technologists and vendors put into series descriptions, in several languages."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from orthanc.types import Role

EXCLUDING: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            "a localiser",
            r"\b(locali[sz]er|loca|loc|scouts?|survey|topogram|3 ?plane|three plane|planning|reperage|"
            r"lokali[sz]er|aahscout|aahead ?scout|smartbrain|plan ?scan|localizador|localizzatore|pilot|locator|"
            r"scano\w*|auto ?align\w*|(u|ue)bersicht\w*|overzicht|scout\w*|survey\w*|localis\w*|localiz\w*)\b",
        ),
        ("an ADC map", r"(\b|d)adc\b|\bapparent diff"),
        (
            "diffusion",
            r"\b(e?dwi|dti|diff?|dif+us\w*|anisotropy|aniso|average dc|trace|tracew|ep2d diff\w*|resolve|"
            r"dw|tensor|colfa|fa map|isodwi|dki|noddi|hardi|b ?[1-9]\d{2,3}|epi diff|ivim)\b",
        ),
        (
            "perfusion",
            r"\b(perf|perfusion\w*|perfusie|dsc|dce|pwi|asl|pcasl|pasl|[cr]*cbf|[cr]*cbv|mtt|ttp|tmax|"
            r"ktrans|ep2d perf\w*|perfusi\w*|dynamic|dynamique|dynamisch|dyn perf|pbp|gbp|twist|rapid|grasp)\b",
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
            r"\b(mask|segmentation|map|maps|t1map\w*|t2map\w*|relaxometry|fieldmap|fmap|b0|b1|b1map|t1 images)\b",
        ),
        ("one flip angle of a T1 map", r"\b(vfa|fa ?\d{1,2}|flip ?\d{1,2}|\d{1,2} ?deg(rees?)?)\b"),
        ("double inversion recovery", r"\b(dir|double inversion)\b"),
        (
            "the fat or opposed-phase part of a Dixon series",
            r"(dixon|ideal|flex|vibe|lava|\bdx\b).*\b(f|fat(?! ?(sat|sup))|opp\w*|out ?(of)? ?phase)\b|"
            r"^(fat|out ?(of)? ?phase|opp\w*) ",
        ),
        ("spectroscopy", r"\b(svs|csi|spectro\w*|mrs|press|steam|te ?\d+ svs)\b"),
        ("functional imaging", r"\b(bold|fmri|func|rest|resting|ep2d bold\w*|motor|language)\b"),
        (
            "a calibration",
            r"\b(calib\w*|cal|asset|coil|sense ref|ref|ref scan|reference|shim|prescan|mrac|"
            r"attenuation (corr\w*|map)|umap|b0 shim)\b",
        ),
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
        ("a part of MP2RAGE", r"\b(inv ?[12]|uni|mp2rage)\b"),
        ("STIR", r"\b(stir)\b"),
        ("proton density", r"\b(pd|pdw|pd ?w|proton|protonen\w*|densite)\b(?!.*\bt2)"),
    )
)
"""Kinds of series that are none of the four, and the words they go by (on text from `plain`)."""

DENOISED_MP2RAGE = re.compile(r"\buni ?den\w*|denoised")
"""The uniform image without its noisy background is a T1 like any other."""

FLAIR = re.compile(
    r"flair|dark ?fl(uid)?|\bda ?fl\b|\btirm|fluid ?att|\bspcir|\bspaceir|space ir|\btir2d|vista ?ir"
)
T2 = re.compile(r"(?<![\da-z])(?:[a-z]{0,3}|\dd)t2(?![\d*])|\bt ?2 ?w|\bt2|\bspc|haste")
T1 = re.compile(
    r"(?<!par)(?<!\d)t1(?!\d)|\bt ?1 ?w|mp ?rage|\bbravo|f?spgr\b|\bfspgr|\btfl3d|\bvibe|\blava|\bthrive|\bmpr?ge|"
    r"\btfe|3d ?tfe|\bravo|\bstealth|\bneuronav|gre fsp\b|\bmdeft|\bflash"
)

NO_CONTRAST = re.compile(
    r"\b(pre|precontrast|pre ?(contrast|gad\w*|gd|km|inj\w*|mdc|c)|nativ\w*|plain|blanco|leer|avant|vor|voor|before|"
    r"prima|prior|przed|pred|ennen|fore|basal\w*|antes|in bianco|dirett\w*|simples?|"
    r"prije|pries|pirms|enne|inainte|truoc|sebelum|prin|qabl|"
    r"unenh\w*|nonenhanced|noncontrast|nc|kontras\w*si?z|oncesi|minuscontrast|"
    r"(ohne|sans|senza|sense|sin|sem|zonder|utan|uten|uden|without|w ?o|non|no|not|kein|keine|geen|bez|be|brez|fara|"
    r"ilman|nelkul|tanpa|khong|choris|bila|pa|do|o|u) ?"
    r"(contrast\w*|kontras\w*|contraste|gad\w*|gd|km|mdc|inj\w*|iv|civ|pdc|ce|cm|c|contr|ktr|k|ku|kl|kv|kp|ks|sdc|"
    r"teho\w*|substan\w*|skiagraf\w*|thuoc|tiem))\b|"
    r"\b(wo|utan|uten|uden)\b|(?<=[a-z0-9])(precontrast|pregad\w*|pregd|pre)\b"
)
CONTRAST = re.compile(
    r"\bpluscontrast\b|\bpost(?! ?(op\w*|fossa|surg\w*|rt|rad\w*|proc\w*|treat\w*|chemo\w*|rx|resec\w*|ttt))|"
    r"\b(gd|gado\w*|gad|gadolin\w*|n?km|m ?km|kmh?g?|cgd|ce|cemr|kontras\w*|contraste|contr|ktr|inj|"
    r"(?<!gray )(?<!grey )(?<!white )(?<!high )(?<!tissue )contrast\w*|"
    r"inject\w*|injecte\w*|inyect\w*|apres|nach|despues|dopo|depois|apos|pos|mdc|mezzo|civ|iv ?km|pdc|cm|wc|enhanced|"
    r"enh|enhancement|with$|sonrasi|po k ?l|po km|po ks|po podani|po ku|efter|jalkeen|"
    r"posle|pislya|sled|nakon|dupa|setelah|sesudah|"
    r"teho\w*|varjoaine\w*|sdc|s ku|s kp|z kp|kp|kv|postkontras\w*|postcontras\w*|cu subst\w*|skiagraf\w*|"
    r"sau tiem|tiem thuoc|thuoc|"
    r"t1 ?ce?|ce ?t1\w*|t1gd|t1gad\w*|t1km|t1post|t1wce?|t1c|mprage ?c|"
    r"gadovist|gadavist|dotarem|prohance|magnevist|multihance|omniscan|vueway|elucirem|clariscan|delayed|"
    r"contrastado|z kontrastem|kont)\b|\bt1 ?\w* ?gd\b|(?<=[a-z0-9])(gd|post|gado)\b"
)

REPEATED = re.compile(
    r"\b(repeat\w*|rep|rpt|redo|again|wdh\w*|wiederh\w*|bis|repet\w*|ripet\w*|herh\w*|motion)\b"
)

FAT_SUPPRESSED = re.compile(r"\b(fs|fat ?sat|fatsat|spir|spair|dixon|we|fsat)\b")


IN_OTHER_SCRIPTS = (
    (r"造影前|平扫|平掃|単純|非造影|非增强|未增强|조영 ?전|비조영", " precontrast "),
    (r"造影後?|增强后?|增強後?|强化|強化|조영 ?증강|조영 ?후?", " contrast "),
    (
        r"(?:ללא|בלי) ?חומר(?: ?ניגוד)?|לפני ?(?:חומר|הזרק\w*)|قبل|بدون ?(?:ال)?صبغة?|ก่อนฉีด\w*|ไม่ฉีด\w*",
        " precontrast ",
    ),
    (r"(?:עם ?)?חומר ?ניגוד|אחרי ?הזרק\w*|بعد|مع ?(?:ال)?صبغة?|หลังฉีด\w*|ฉีดสี", " contrast "),
    (r"定位|位置決め|位置合わせ|위치", " localizer "),
    (r"拡散|擴散|弥散|彌散|확산", " dwi "),
    (r"灌流|灌注|관류", " perfusion "),
    (r"血管|혈관", " angio "),
    (r"減算|减影|減影|差分|감산", " subtraction "),
    (r"磁敏感|磁化率|자화율", " swi "),
    (r"横断|轴位|軸位|橫斷|횡단|축상", " axial "),
    (r"矢状|矢狀|시상", " sagittal "),
    (r"冠状|冠狀|관상", " coronal "),
)
"""What technologists write in other scripts, and the English word for it. The order matters: negations come first."""

TO_LATIN = str.maketrans(
    dict(
        zip(
            "абвгдезийклмнопрстуфхцыэ",
            "abvgdezijklmnoprstufhcye",
            strict=True,
        )
    )
    | {
        "ж": "zh",
        "ч": "ch",
        "ш": "sh",
        "щ": "sch",
        "ю": "yu",
        "я": "ya",
        "ё": "e",
        "ь": "",
        "ъ": "",
        "і": "i",
    }
    | dict(zip("αβγδεζηικλμνξοπρστυφω", "avgdeziiklmnxoprstyfo", strict=True))
    | {"θ": "th", "χ": "ch", "ψ": "ps", "ς": "s"}
    | {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"}
)
"""Cyrillic and Greek (and letters that keep no Latin letter when their accent goes) to Latin."""

SIGNS = (
    (
        r"(?<![a-z0-9])[ck]\(?\+\)?|\(?\+\)? ?c(?![a-z])|\+ ?(?=gd|gad|km|k\b)|(?<=gd)\+|(?<=km)\+|(?<=iv)\+",
        "plus",
    ),
    (r"(?<=t1)\+|(?<=[a-z0-9 ])\(?\+\)? *$", "plus"),
    (r"(?<![a-z0-9])w/ *(?=$|c\b|con|gd|gad|km)|(?<![a-z0-9])c/ *(?=c\b|con|gd|gad|civ|mdc|k)", "plus"),
    (r"(?<![a-z0-9])m/ *(?=k|c|gd)", "plus"),
    (r"(?<![a-z0-9])[suob]/ *(c\w*|gd|gad\w*|mdc|k\w*)(?![a-z])", "minus"),
    (r"(?<![a-z0-9])[ck]\(?-\)?(?![a-z0-9])|(?<= )-c(?![a-z])|\(-\)", "minus"),
)
"""Signs beside letters, such as "C+", "+KM", "w/ gad", "s/c" (sem contraste), and what they say."""


@lru_cache(maxsize=8192)
def plain(text: str) -> str:
    """Lower case Latin without accents; punctuation as spaces, but "+C" and "C-" in words."""
    for pattern, word in IN_OTHER_SCRIPTS:
        text = re.sub(pattern, word, text)
    # Cyrillic goes first: without its accent й would be и.
    folded = unicodedata.normalize("NFKD", text.replace("ß", "ss").lower().translate(TO_LATIN))
    # Greek loses its accents before it finds its Latin letters.
    folded = "".join(c for c in folded if not unicodedata.combining(c)).translate(TO_LATIN)
    for pattern, sign in SIGNS:
        folded = re.sub(pattern, f" {sign}contrast ", folded)
    return re.sub(r"[^a-z0-9*]+", " ", folded).strip()


@lru_cache(maxsize=8192)
def family_in(words: str) -> Role | None:
    """The one family that words from `plain` name: "t1 flair" is a T1, "t2 flair" a FLAIR."""
    if FLAIR.search(words):
        return Role.T1 if re.search(r"\bt1\w* ?(\w+ )?flair|flair ?t1|t1flair", words) else Role.FLAIR
    is_t1, is_t2 = bool(T1.search(words)), bool(T2.search(words))
    if is_t1 and is_t2:
        return None
    return Role.T1 if is_t1 else Role.T2 if is_t2 else None
