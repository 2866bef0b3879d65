// What Django knows of the study that is open: which series has which role, and which SEG is the current result.

const NOTHING = { roles: {}, seg_series_uid: '', state: '', may_correct: false };
let facts = NOTHING;
let parts = {}; // series UID to part of a comparison, where the address names a prior visit
let asked = { studyUid: '', answer: null };

export function currentFacts() {
  return facts;
}

// Asked once per study that is opened: the layout and the hanging protocol both need it.
export function fetchFacts(studyUid) {
  if (asked.studyUid !== studyUid) {
    asked = { studyUid, answer: readFacts(studyUid) };
  }
  return asked.answer;
}

// The earlier visit that this one is compared with; "" where it is looked at alone.
export function priorFromAddress() {
  return new URLSearchParams(window.location.search).get('prior') ?? '';
}

async function readParts(studyUid) {
  const prior = priorFromAddress();
  if (!prior) {
    return {};
  }
  const address = `/compare/${encodeURIComponent(studyUid)}/${encodeURIComponent(prior)}/parts.json`;
  const answer = await fetch(address, { credentials: 'same-origin', headers: { Accept: 'application/json' } });
  return answer.ok ? answer.json() : {};
}

async function readFacts(studyUid) {
  parts = await readParts(studyUid);
  const answer = await fetch(`/viewer/${encodeURIComponent(studyUid)}/roles.json`, {
    credentials: 'same-origin',
    headers: { Accept: 'application/json' },
  });
  // A study that reached Orthanc but not yet our worklist can still be looked at, without roles.
  facts = answer.ok ? await answer.json() : NOTHING;
  return facts;
}

// "T1CE", "FLAIR", "T1", "T2" for the series that the model used (or would use), "SEG" for the current result.
export function roleOf(displaySet) {
  const uid = displaySet?.SeriesInstanceUID;
  if (!uid) {
    return 'none';
  }
  if (displaySet.Modality === 'SEG') {
    return uid === facts.seg_series_uid ? 'SEG' : 'none';
  }
  return roleOfSeries(uid);
}

// "PRIOR", "PRIOR_SEG", "DIFFERENCE", "SUBTRACTION" for derived series of the comparison; else the role.
export function partOf(displaySet) {
  return parts[displaySet?.SeriesInstanceUID] ?? roleOf(displaySet);
}

// Whether the comparison that is open has series of this kind.
export function hasPart(part) {
  return Object.values(parts).includes(part);
}

export function roleOfSeries(seriesUid) {
  return facts.roles[seriesUid] ?? 'none';
}
