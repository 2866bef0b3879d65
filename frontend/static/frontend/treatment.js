// The lanes below the curve: what was suggested at each visit, and the treatment, on the same axis of time.
// Periods are bars, days are marks; words tell them apart, and the table below the chart says the same.

(() => {
// What the lanes show, from top to bottom: the suggested response first.
function lanesOf(data) {
  const suggested = data.visits
    .filter(visit => visit.is_counted && visit.response)
    .map(visit => ({ from: visit.date, to: visit.date, label: visit.response, visit, is_word: true }));
  return [...(suggested.length ? [{ name: 'Suggested', items: suggested }] : []), ...data.treatment];
}

function wordOf(label, x, y, context, align) {
  const { colours, rem } = context;
  const style = { text: label, x, y, fill: colours.text, font: `${0.74 * rem}px system-ui, Roboto, sans-serif` };
  return { type: 'text', style: { ...style, align, verticalAlign: 'middle' }, silent: true };
}

// How many pixels a label takes, roughly: enough to tell whether it would run into what follows.
const widthOf = (label, rem) => 0.46 * rem * label.length;

function dayMark(x, y, room, item, context) {
  const { colours, rem } = context;
  if (item.is_word) {
    return widthOf(item.label, rem) < room ? [wordOf(item.label, x, y, context, 'center')] : [];
  }
  const r = 0.36 * rem;
  const points = [[x, y - r], [x + r, y], [x, y + r], [x - r, y]];
  const mark = { type: 'polygon', shape: { points }, style: { fill: colours.treatment, stroke: colours.text, lineWidth: 1 } };
  const fits = item.label && widthOf(item.label, rem) + 3 * r < room;
  return fits ? [mark, wordOf(item.label, x + 1.5 * r, y, context, 'left')] : [mark];
}

function periodBar(x, to, y, item, context) {
  const { colours, rem } = context;
  const half = 0.42 * rem;
  const width = Math.max(to - x, 3);
  const bar = {
    type: 'rect',
    shape: { x, y: y - half, width, height: 2 * half },
    style: { fill: colours.treatment, stroke: colours.text, lineWidth: 0.8, lineDash: item.is_open ? [3, 3] : null },
  };
  const fits = widthOf(item.label, rem) + 0.4 * rem < width;
  return fits ? [bar, wordOf(item.label, x + 0.3 * rem, y, context, 'left')] : [bar];
}

function laneSeries(lanes, context) {
  const { scale } = context;
  const items = lanes.flatMap((lane, at) =>
    lane.items.map((item, place) => ({ ...item, at, next: lane.items[place + 1]?.from }))
  );
  return {
    id: 'lanes',
    type: 'custom',
    xAxisIndex: 1,
    yAxisIndex: 1,
    clip: true,
    z: 3,
    encode: { x: [0, 1], y: 2 },
    data: items.map(item => ({ value: [scale.at(item.from), scale.at(item.to), item.at], item, visit: item.visit })),
    renderItem: ({ dataIndex, coordSys }, api) => {
      const item = items[dataIndex];
      const [x, y] = api.coord([api.value(0), api.value(2)]);
      const [to] = api.coord([api.value(1), api.value(2)]);
      const isDay = item.from === item.to && !item.is_open;
      const end = item.next ? api.coord([scale.at(item.next), item.at])[0] : coordSys.x + coordSys.width;
      const room = end - x;
      const children = isDay ? dayMark(x, y, room, item, context) : periodBar(x, to, y, item, context);
      return { type: 'group', children };
    },
  };
}

function laneAxis(lanes, context) {
  const { colours, rem } = context;
  return {
    type: 'category',
    gridIndex: 1,
    inverse: true,
    data: lanes.map(lane => lane.name),
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { color: colours.soft, fontSize: 0.76 * rem, interval: 0 },
    splitLine: { show: true, lineStyle: { color: colours.line, opacity: 0.6 } },
  };
}

// Surgery and the ends of radiotherapy cut through the curve; the 12 weeks of caution after it are shaded.
function cuts(data, context) {
  const { colours, scale } = context;
  const lane = name => data.treatment.find(one => one.name === name)?.items ?? [];
  const days = [...lane('Surgery').map(item => item.from), ...lane('Radiotherapy').flatMap(item => [item.from, item.to])];
  return {
    id: 'cuts',
    type: 'line',
    silent: true,
    data: [],
    markLine: {
      symbol: 'none',
      animation: false,
      label: { show: false },
      lineStyle: { color: colours.soft, type: 'dotted', width: 1 },
      data: days.map(day => ({ xAxis: scale.at(day) })),
    },
    markArea: {
      animation: false,
      itemStyle: { color: colours.soft, opacity: 0.09 },
      data: data.caution.map(({ from, to }) => [{ xAxis: scale.at(from) }, { xAxis: scale.at(to) }]),
    },
  };
}

globalThis.gliomaTreatment = { lanesOf, laneSeries, laneAxis, cuts };
})();
