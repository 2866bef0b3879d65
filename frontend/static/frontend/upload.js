// Uploads in batches, so that thousands of files neither wait for each other nor exhaust the server.

const BATCH_BYTES = 48 * 1024 * 1024;
const BATCH_FILES = 100;
const form = document.getElementById('upload');
const drop = document.getElementById('drop');
const progress = document.getElementById('progress');
const progressText = document.getElementById('progress-text');
const token = document.querySelector('meta[name=csrf-token]').content;
let busy = false;

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function batchesOf(files) {
  const batches = [];
  let bytes = Infinity;
  for (const file of files) {
    if (bytes + file.size > BATCH_BYTES || batches.at(-1).length >= BATCH_FILES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1).push(file);
    bytes += file.size;
  }
  return batches;
}

function sendBatch(batch, onBytes) {
  return new Promise((resolve, reject) => {
    const body = new FormData();
    batch.forEach(file => body.append('files', file, file.path || file.name));
    const request = new XMLHttpRequest();
    request.open('POST', form.dataset.url);
    request.setRequestHeader('X-CSRFToken', token);
    request.setRequestHeader('Accept', 'application/json');
    request.responseType = 'json';
    request.upload.addEventListener('progress', event => onBytes(event.loaded));
    request.addEventListener('load', () => {
      if (request.status >= 200 && request.status < 300 && request.response) {
        resolve(request.response);
      } else {
        reject(new Error(request.response?.detail || `The server answered ${request.status}.`));
      }
    });
    request.addEventListener('error', () => reject(new Error('The connection to the server was lost.')));
    request.send(body);
  });
}

function addAnswer(name, taken, text) {
  const row = document.createElement('tr');
  const file = document.createElement('td');
  const outcome = document.createElement('td');
  const chip = document.createElement('span');
  file.textContent = name;
  chip.className = `chip ${taken ? 'yes' : 'state-failed'}`;
  chip.textContent = taken ? 'taken' : 'not taken';
  outcome.append(chip, ` ${text}`);
  row.append(file, outcome);
  // What needs attention stands first.
  const body = document.querySelector('#answers tbody');
  taken ? body.append(row) : body.prepend(row);
}

function report(answer, totals) {
  totals.taken += answer.accepted;
  totals.refused += answer.rejected;
  for (const one of answer.files) {
    addAnswer(one.name, one.accepted, one.accepted ? (one.already_stored ? 'was there already' : '') : one.reason);
  }
}

function showSummary(totals, trouble) {
  const summary = document.getElementById('summary');
  const words = [`${totals.taken} file${totals.taken === 1 ? '' : 's'} taken`];
  if (totals.refused) {
    words.push(`${totals.refused} file${totals.refused === 1 ? '' : 's'} not taken`);
  }
  summary.textContent = words.join(', ') + (trouble ? `. Stopped: ${trouble}` : '.');
  summary.className = `notice ${trouble ? 'error' : totals.refused ? 'warning' : 'success'}`;
  document.getElementById('outcome').hidden = false;
}

async function send(files) {
  if (busy || !files.length) {
    return;
  }
  busy = true;
  document.querySelector('#answers tbody').replaceChildren();
  document.getElementById('outcome').hidden = true;
  document.getElementById('sending').hidden = false;
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const totals = { taken: 0, refused: 0 };
  let sent = 0;
  let trouble = '';
  const show = extra => {
    const share = total ? Math.min((sent + extra) / total, 1) * 100 : 100;
    progress.value = share;
    progressText.textContent =
      share >= 100 ? 'Orthanc is taking the files in' : `${megabytes(sent + extra)} of ${megabytes(total)}`;
  };
  show(0);
  try {
    for (const batch of batchesOf(files)) {
      report(await sendBatch(batch, show), totals);
      sent += batch.reduce((sum, file) => sum + file.size, 0);
      show(0);
    }
    progressText.textContent = 'Done';
  } catch (error) {
    trouble = error.message;
  }
  showSummary(totals, trouble);
  busy = false;
}

async function filesOfEntry(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    file.path = entry.fullPath.replace(/^\//, '');
    return [file];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A reader gives a folder in portions.
    const portion = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!portion.length) {
      return (await Promise.all(found.map(filesOfEntry))).flat();
    }
    found.push(...portion);
  }
}

for (const id of ['files', 'folder']) {
  const input = document.getElementById(id);
  const take = () => {
    send([...input.files]);
    input.value = '';
  };
  input.addEventListener('change', take);
  if (input.files.length) {
    // They were chosen before this script had come.
    take();
  }
}
for (const name of ['dragenter', 'dragover']) {
  drop.addEventListener(name, event => {
    event.preventDefault();
    drop.classList.add('over');
  });
}
for (const name of ['dragleave', 'drop']) {
  drop.addEventListener(name, () => drop.classList.remove('over'));
}
drop.addEventListener('drop', async event => {
  event.preventDefault();
  const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry()).filter(Boolean);
  send((await Promise.all(entries.map(filesOfEntry))).flat());
});
