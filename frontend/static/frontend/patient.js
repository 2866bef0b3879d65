// A patient's page: draws the curve from the data beside the table, and keeps both in step.
// The table is what a screen reader reads; the curve is the same numbers for the eye.

(() => {
  const { curveOption, lanesOf, LANE_REM, REGIONS, LIGHT } = globalThis.gliomaCurve;
  const holder = document.getElementById('curve');
  const chart = globalThis.echarts.init(holder, null, { renderer: 'svg' });
  const chosen = { regions: [], isLog: false, axis: 'calendar', visit: null };
  let data = null;

  const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

  function readControls() {
    chosen.regions = [...document.querySelectorAll('[name=region]:checked')].map(input => input.value);
    chosen.isLog = document.getElementById('scale').value === 'log';
    chosen.axis = document.getElementById('axis').value;
    chosen.lesions = document.getElementById('lesions').checked;
  }

  // From which days time is counted depends on what was entered; what the reader chose stays where it still is.
  function offerAxes() {
    const axis = document.getElementById('axis');
    const offered = [['calendar', 'calendar']];
    for (const [name, { words }] of Object.entries(data.origins)) {
      offered.push([`weeks-${name}`, `weeks since ${words}`], [`days-${name}`, `days since ${words}`]);
    }
    const { value } = axis;
    axis.replaceChildren(...offered.map(([one, words]) => new Option(words, one)));
    axis.value = offered.some(([one]) => one === value) ? value : 'calendar';
  }

  function element(name, text, className = '') {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = className;
    return made;
  }

  // Built of elements, because a policy without inline styles refuses the chart's own markup.
  function hoverOf(params) {
    const { visit, item, lesion } = params.data ?? {};
    const box = element('div', '', 'hover');
    if (visit) {
      box.append(element('b', visit.date), ...wordsOf(visit));
    } else if (lesion) {
      box.append(element('b', lesion.date), element('p', `Lesion ${lesion.number}: ${lesion.ml} mL enhancing`), element('p', lesion.fate));
    } else if (item) {
      const days = item.from === item.to ? item.from : `${item.from} to ${item.to}`;
      box.append(element('b', item.is_open ? `since ${item.from}` : days), element('p', item.words));
    }
    return box.childNodes.length ? box : '';
  }

  function wordsOf(visit) {
    const lines = chosen.regions
      .filter(region => visit.volumes[region])
      .map(region => {
        const { ml, interval } = visit.volumes[region];
        return element('p', `${REGIONS[region].name}: ${ml} mL (95 % interval ${interval})`);
      });
    lines.push(...visit.arithmetic.map(line => element('p', line)));
    return visit.why ? [...lines, element('p', visit.why, 'why')] : lines;
  }

  const tooltip = {
    trigger: 'item',
    className: 'curve-hover',
    confine: true,
    transitionDuration: 0,
    backgroundColor: '#1a2531',
    borderColor: '#2a3847',
    textStyle: { color: '#e8edf2' },
    formatter: hoverOf,
  };

  function draw() {
    const source = document.getElementById('curve-data');
    data = JSON.parse(source.textContent);
    holder.classList.toggle('empty-curve', data.visits.length === 0);
    holder.style.setProperty('--lanes', lanesOf(data).length * LANE_REM);
    document.getElementById('lesions').parentElement.hidden = data.lesions.length === 0;
    offerAxes();
    readControls();
    showCompared();
    if (!data.visits.length) {
      chart.clear();
      return;
    }
    chosen.visit = data.visits.find(visit => visit.id === chosen.visit?.id) ?? null;
    chart.setOption(curveOption(data, chosen, { rem: rem(), tooltip }), { notMerge: true });
    document.querySelectorAll('.visits-table tr').forEach(row => {
      row.classList.toggle('chosen', row.id === chosen.visit?.id);
    });
  }

  // The two visits of the form below the table, the last picked first: C on the chosen point, or Shift and a click.
  let compared = [];

  function pick(visit) {
    if (visit.is_counted) {
      compared = [visit, ...compared.filter(one => one.study_uid !== visit.study_uid)].slice(0, 2);
      showCompared();
      const days = compared.map(one => one.date).join(' with ');
      document.getElementById('chosen').textContent = `To compare: ${days}. The button is below the table of visits.`;
    }
  }

  function showCompared() {
    const form = document.querySelector('.compare-visits');
    compared = compared.filter(({ id }) => data.visits.some(visit => visit.id === id && visit.is_counted));
    if (form && compared.length) {
      form.elements.one.value = compared[0].study_uid;
      form.elements.other.value = compared[1]?.study_uid ?? '';
    }
  }

  function choose(visit) {
    chosen.visit = visit;
    draw();
    const words = wordsOf(visit).map(line => line.textContent);
    document.getElementById('chosen').textContent = [visit.date, visit.state, ...words].join('. ');
  }

  function step(by) {
    const at = data.visits.findIndex(visit => visit.id === chosen.visit?.id);
    const next = at < 0 ? (by > 0 ? 0 : data.visits.length - 1) : at + by;
    choose(data.visits[Math.min(Math.max(next, 0), data.visits.length - 1)]);
  }

  chart.on('click', ({ data: point, event }) => {
    const visit = point?.visit ?? data.visits.find(one => one.study_uid === point?.lesion?.study_uid);
    if (visit && event.event.shiftKey) {
      pick(visit);
    } else if (visit) {
      window.location.assign(visit.href);
    }
  });

  holder.addEventListener('keydown', event => {
    if (event.key === 'Enter' && chosen.visit) {
      window.location.assign(chosen.visit.href);
    } else if (event.key === 'c' && chosen.visit) {
      pick(chosen.visit);
    } else if ((event.key === 'ArrowRight' || event.key === 'ArrowLeft') && data.visits.length) {
      event.preventDefault();
      step(event.key === 'ArrowRight' ? 1 : -1);
    }
  });

  document.addEventListener('change', event => {
    if (event.target.matches('[name=region], #lesions, #scale, #axis')) {
      draw();
    }
  });
  document.addEventListener('htmx:afterSwap', draw);

  // A picture for paper: dark on white, drawn apart from what is on the screen.
  function picture() {
    const size = { width: 1400, height: 700 + lanesOf(data).length * LANE_REM * 17 };
    const apart = globalThis.echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
    apart.setOption(curveOption(data, { ...chosen, visit: null }, { rem: 17, colours: LIGHT, background: '#ffffff' }));
    const svg = apart.renderToSVGString();
    apart.dispose();
    return { svg, ...size };
  }

  function save(blob, ending) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = `volumes.${ending}`;
    link.click();
    // The browser reads it after the click.
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  function savePng({ svg, width, height }) {
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [2 * width, 2 * height];
      canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob(blob => save(blob, 'png'), 'image/png');
    };
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  }

  document.addEventListener('click', event => {
    const kind = event.target.closest('[data-save]')?.dataset.save;
    if (kind === 'svg') {
      save(new Blob([picture().svg], { type: 'image/svg+xml' }), 'svg');
    } else if (kind === 'png') {
      savePng(picture());
    }
  });

  new ResizeObserver(() => chart.resize()).observe(holder);
  draw();
  holder.dataset.ready = 'true';
})();
