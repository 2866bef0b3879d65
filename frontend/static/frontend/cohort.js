// The plots of the cohort page: a waterfall of the best change since the baseline, and a spider of all courses.
// Percents come as text, as the table says them; the label of each patient says the suggested response.

(() => {
const COLOURS = { PD: '#ff9d5c', CR: '#6fa8ff', PR: '#6fa8ff', MR: '#6fa8ff' };
const OTHER = '#a3b1bf';
const TEXT = '#e8edf2', SOFT = '#a3b1bf', LINE = '#2a3847', GROUND = '#121a23';
const EDGE = 200; // percent: what grew more is drawn here, and says how much it was
const PARTIAL = -65;

const patients = JSON.parse(document.getElementById('plots-data').textContent);
const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
const colourOf = patient => COLOURS[patient.category] ?? OTHER;
const heightOf = text => Math.min(Number(text), EDGE);

const tooltip = {
  trigger: 'item',
  confine: true,
  transitionDuration: 0,
  backgroundColor: '#1a2531',
  borderColor: LINE,
  textStyle: { color: TEXT },
  // Elements, because a policy without inline styles refuses the chart's own markup.
  formatter: ({ data }) => {
    const box = document.createElement('div');
    const lines = [data.patient.name, ...data.lines];
    box.append(...lines.map(line => Object.assign(document.createElement('p'), { textContent: line })));
    return box;
  },
};

const text = { color: SOFT, fontSize: 0.78 * rem };
const percentAxis = {
  type: 'value',
  min: -100,
  name: '%',
  nameTextStyle: text,
  axisLabel: text,
  splitLine: { lineStyle: { color: LINE } },
};
const partialLine = {
  symbol: 'none',
  silent: true,
  animation: false,
  label: { formatter: 'PR', color: SOFT, position: 'insideEndTop' },
  lineStyle: { color: SOFT, type: 'dashed' },
  data: [{ yAxis: PARTIAL }],
};
const base = {
  animation: false,
  textStyle: { fontFamily: 'system-ui, Roboto, sans-serif' },
  aria: { enabled: false },
  grid: { left: 3.4 * rem, right: 1.6 * rem, top: 2.2 * rem, bottom: 2.8 * rem, outerBoundsMode: 'none' },
  tooltip,
};

function waterfall() {
  const ordered = [...patients].sort((one, other) => Number(other.best) - Number(one.best));
  const label = { show: ordered.length <= 60, color: TEXT, fontSize: 0.72 * rem, formatter: ({ data }) => data.patient.category };
  return {
    ...base,
    xAxis: { type: 'category', data: ordered.map((_, at) => at), axisLabel: { show: false }, axisTick: { show: false } },
    yAxis: percentAxis,
    series: [{
      type: 'bar',
      barMaxWidth: 2 * rem,
      markLine: partialLine,
      data: ordered.map(patient => {
        const value = heightOf(patient.best);
        return {
          value,
          patient,
          lines: [`best ${patient.best} %`, `last visit: ${patient.category}`],
          itemStyle: { color: colourOf(patient) },
          label: { ...label, position: value < 0 ? 'bottom' : 'top' },
        };
      }),
    }],
  };
}

function spider() {
  return {
    ...base,
    xAxis: { type: 'value', name: 'Weeks since the baseline', nameLocation: 'middle', nameGap: 1.8 * rem, nameTextStyle: text, axisLabel: text, splitLine: { show: false } },
    yAxis: { ...percentAxis, max: reach => Math.min(EDGE, Math.max(50, Math.ceil(reach.max / 50) * 50)) },
    series: patients.map((patient, at) => ({
      type: 'line',
      symbolSize: 0.45 * rem,
      color: colourOf(patient),
      lineStyle: { width: 1.5, opacity: 0.75, type: patient.category === 'PD' ? 'solid' : [5, 3] },
      emphasis: { focus: 'series' },
      endLabel: { show: patients.length <= 30, color: TEXT, fontSize: 0.72 * rem, formatter: patient.category, backgroundColor: GROUND },
      markLine: at === 0 ? partialLine : undefined,
      data: patient.points.map(point => ({
        value: [point.days / 7, heightOf(point.percent)],
        patient,
        lines: [`${point.date}: ${point.percent} %`],
      })),
    })),
  };
}

for (const [id, option] of [['waterfall', waterfall()], ['spider', spider()]]) {
  const holder = document.getElementById(id);
  const chart = globalThis.echarts.init(holder, null, { renderer: 'svg' });
  chart.setOption(option);
  chart.on('click', ({ data }) => data?.patient && window.location.assign(data.patient.href));
  new ResizeObserver(() => chart.resize()).observe(holder);
  holder.dataset.ready = 'true';
}
})();
