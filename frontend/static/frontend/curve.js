// The option of the curve for ECharts: volumes with interval bars on a time axis.
// Shape, dash and word tell regions apart, colour only helps. Numbers come as text, as they are stored, and are
// never rounded here.

(() => {
const { lanesOf, laneSeries, laneAxis, cuts } = globalThis.gliomaTreatment;
const REGIONS = {
  ET: { name: 'Enhancing tumour', symbol: 'circle', dash: 'solid' },
  TC: { name: 'Tumour core', symbol: 'rect', dash: [6, 3] },
  WT: { name: 'Whole tumour', symbol: 'triangle', dash: [2, 3] },
  ED: { name: 'Oedema', symbol: 'diamond', dash: [8, 3, 2, 3] },
};
const DARK = {
  ET: '#ff6b5e', TC: '#f5b041', WT: '#dfe7ee', ED: '#6fa8ff', grey: '#7f8d9b', text: '#e8edf2', soft: '#a3b1bf',
  line: '#2a3847', ground: '#121a23', chosen: '#6cb2ee', treatment: '#3d5f80',
};
const LIGHT = {
  ET: '#c0271d', TC: '#a85f00', WT: '#3d4852', ED: '#1f5fd0', grey: '#8a949e', text: '#14202b', soft: '#4a5763',
  line: '#ccd4db', ground: '#ffffff', chosen: '#1f5f96', treatment: '#b9d0e6',
};
const DAY_MS = 86_400_000;
const LEAST_ML = 0.1; // Smaller pieces are no lesions of their own.

// A flag may strike one region of a visit and leave the others.
function isCounted(visit, region) {
  return visit.is_counted && Boolean(visit.volumes[region]) && !visit.struck.includes(region);
}

const dayNumber = text => Date.parse(`${text}T00:00:00Z`) / DAY_MS;

// Where a date lies on the axis that the reader chose.
function scaleOf(data, axis) {
  if (axis === 'calendar') {
    return { type: 'time', at: date => Date.parse(`${date}T00:00:00Z`), name: '' };
  }
  const [unit, ...rest] = axis.split('-');
  const origin = rest.join('-');
  const { date, words } = data.origins[origin];
  const days = unit === 'weeks' ? 7 : 1;
  return {
    type: 'value',
    at: one => (dayNumber(one) - dayNumber(date)) / days,
    name: `${unit === 'weeks' ? 'Weeks' : 'Days'} since ${words} (${date})`,
  };
}

// Where a logarithmic axis begins: at 1 mL, or at 0.1 mL where something smaller is shown.
function floorOf(data, chosen) {
  const regions = data.visits.flatMap(visit => chosen.regions.map(region => visit.volumes[region]?.ml));
  const lesions = chosen.lesions ? data.lesions.flatMap(lesion => lesion.points.map(point => point.ml)) : [];
  return [...regions, ...lesions].some(ml => Number(ml) < 1) ? LEAST_ML : 1;
}

// A logarithmic axis has no zero: empty regions lie on its floor, and say 0.00 where they are pointed at.
function heightOf(text, context) {
  const value = Number(text);
  return context.isLog ? Math.max(value, context.floor) : value;
}

function intervalBar(colour, rem) {
  return (_, api) => {
    const [x, top] = api.coord([api.value(0), api.value(2)]);
    const bottom = api.coord([api.value(0), api.value(1)])[1];
    const half = 0.32 * rem;
    const style = { stroke: colour, lineWidth: Math.max(1.5, rem / 10), fill: null, opacity: 0.9 };
    const stroke = (x1, y1, x2, y2) => ({ type: 'line', shape: { x1, y1, x2, y2 }, style });
    return {
      type: 'group',
      children: [
        stroke(x, top, x, bottom),
        stroke(x - half, top, x + half, top),
        stroke(x - half, bottom, x + half, bottom),
      ],
    };
  };
}

function lineOf(visits, region, context) {
  const { colours, scale, rem } = context;
  const { name, symbol, dash } = REGIONS[region];
  return {
    id: `line-${region}`,
    name,
    type: 'line',
    symbol,
    symbolSize: 0.72 * rem,
    showAllSymbol: true,
    z: 4,
    color: colours[region],
    lineStyle: { type: dash, width: Math.max(2, rem / 8) },
    emphasis: { scale: 1.5 },
    data: visits
      .filter(visit => isCounted(visit, region))
      .map(visit => ({ value: [scale.at(visit.date), heightOf(visit.volumes[region].ml, context)], visit })),
  };
}

function barsOf(visits, region, context) {
  const { colours, scale, rem } = context;
  return {
    id: `bars-${region}`,
    name: REGIONS[region].name,
    type: 'custom',
    silent: true,
    z: 3,
    color: colours[region],
    renderItem: intervalBar(colours[region], rem),
    encode: { x: 0, y: [1, 2] },
    data: visits
      .filter(visit => isCounted(visit, region))
      .map(({ date, volumes }) => [
        scale.at(date),
        heightOf(volumes[region].low_ml, context),
        heightOf(volumes[region].high_ml, context),
      ]),
  };
}

// Flagged and superseded points: grey, hollow, joined to nothing.
function uncounted(visits, regions, context) {
  const { colours, scale, rem } = context;
  return {
    id: 'uncounted',
    name: 'Not counted',
    type: 'scatter',
    z: 2,
    color: colours.grey,
    data: visits.flatMap(visit =>
        regions
          .filter(region => visit.volumes[region] && !isCounted(visit, region))
          .map(region => ({
            value: [scale.at(visit.date), heightOf(visit.volumes[region].ml, context)],
            visit,
            symbol: REGIONS[region].symbol,
            symbolSize: 0.7 * rem,
            itemStyle: { color: colours.ground, borderColor: colours.grey, borderWidth: 1.5, borderType: 'dashed' },
          }))
      ),
  };
}

// A line for each lesion in its own colour, its number on every point; lesions have no intervals.
function lesionLines(lesions, context) {
  const { scale, colours, rem } = context;
  return lesions.map(({ number, colour, points }) => ({
    id: `lesion-${number}`,
    name: `Lesion ${number}`,
    type: 'line',
    symbol: 'circle',
    symbolSize: 1.05 * rem,
    showAllSymbol: true,
    z: 5,
    color: colour,
    itemStyle: { color: colour, borderColor: colours.text, borderWidth: 1 },
    lineStyle: { width: Math.max(2, rem / 8), color: colour },
    label: { show: true, position: 'inside', formatter: String(number), color: '#ffffff', fontSize: 0.7 * rem, fontWeight: 600, textBorderColor: '#000000', textBorderWidth: 2 },
    data: points.map(point => ({ value: [scale.at(point.date), heightOf(point.ml, context)], lesion: { number, ...point } })),
  }));
}

// What a visit is to the course, above its point of the first region that is shown.
function marks(visits, regions, context) {
  const { colours, scale, rem } = context;
  const region = regions.includes('ET') ? 'ET' : regions[0];
  return {
    id: 'marks',
    type: 'scatter',
    silent: true,
    z: 5,
    symbol: 'circle',
    symbolSize: 1.35 * rem,
    itemStyle: { color: 'transparent', borderColor: colours.text, borderWidth: 1.5 },
    label: {
      show: true,
      position: 'top',
      distance: 0.35 * rem,
      color: colours.text,
      fontSize: 0.78 * rem,
      backgroundColor: colours.ground,
      borderRadius: 3,
      padding: [2, 4],
      formatter: ({ data }) => data.words,
    },
    data: visits
      .filter(visit => visit.marks.length && isCounted(visit, region))
      .map(visit => ({
        value: [scale.at(visit.date), heightOf(visit.volumes[region].ml, context)],
        words: visit.marks.join(', '),
      })),
  };
}

function chosenLine(visit, context) {
  const { colours, scale } = context;
  return {
    id: 'chosen',
    type: 'line',
    silent: true,
    data: [],
    markLine: {
      symbol: 'none',
      animation: false,
      label: { show: false },
      lineStyle: { color: colours.chosen, type: 'solid', width: 1, opacity: 0.7 },
      data: visit ? [{ xAxis: scale.at(visit.date) }] : [],
    },
  };
}

// The lanes below share the axis of the curve; the lower of the two says the time.
function timeAxis(scale, range, gridIndex, context) {
  const { colours, rem, hasLanes } = context;
  const isLowest = gridIndex === 1 || !hasLanes;
  return {
    type: scale.type,
    gridIndex,
    min: range[0],
    max: range[1],
    axisLine: { lineStyle: { color: colours.line } },
    axisTick: { lineStyle: { color: colours.line } },
    splitLine: { show: true, lineStyle: { color: colours.line, opacity: 0.5 } },
    axisLabel: {
      show: isLowest,
      color: colours.soft,
      fontSize: 0.78 * rem,
      hideOverlap: true,
      showMinLabel: false,
      showMaxLabel: false,
      formatter: scale.type === 'time' ? { year: '{yyyy}', month: '{yyyy}-{MM}', day: '{yyyy}-{MM}-{dd}' } : undefined,
    },
    name: isLowest ? scale.name : '',
    nameLocation: 'middle',
    nameGap: 2 * rem,
    nameTextStyle: { color: colours.soft, fontSize: 0.8 * rem },
  };
}

function volumeAxis(context) {
  const { isLog, floor, colours, rem } = context;
  return {
    type: isLog ? 'log' : 'value',
    min: isLog ? floor : 0,
    name: 'mL',
    nameTextStyle: { color: colours.soft, fontSize: 0.8 * rem, align: 'right' },
    axisLabel: { color: colours.soft, fontSize: 0.78 * rem },
    axisLine: { show: false },
    splitLine: { lineStyle: { color: colours.line } },
  };
}

function rangeOf(data, scale) {
  const items = data.treatment.flatMap(lane => lane.items);
  const days = [...data.visits.map(visit => visit.date), ...items.flatMap(item => [item.from, item.to])];
  const places = days.map(day => scale.at(day));
  const [first, last] = [Math.min(...places), Math.max(...places)];
  const margin = (last - first) * 0.04 || (scale.type === 'time' ? 14 * DAY_MS : 14);
  return [first - margin, last + margin];
}

const LANE_REM = 1.35;

function gridsOf(lanes, bottom, rem) {
  // Both grids keep their sides, so that a day lies at the same place in each.
  const sides = { left: 6.6 * rem, right: 1.4 * rem, outerBoundsMode: 'none' };
  const height = lanes.length * LANE_REM * rem;
  const gap = lanes.length ? 0.9 * rem : 0;
  const curve = { ...sides, top: 2.2 * rem, bottom: bottom + height + gap };
  return lanes.length ? [curve, { ...sides, bottom, height }] : [curve];
}

function curveOption(data, chosen, settings) {
  const { colours = DARK, rem = 16, animated = false } = settings;
  const scale = scaleOf(data, chosen.axis);
  const lanes = lanesOf(data);
  const context = { isLog: chosen.isLog, floor: floorOf(data, chosen), colours, scale, rem, hasLanes: lanes.length > 0 };
  const regions = Object.keys(REGIONS).filter(region => chosen.regions.includes(region));
  return {
    animation: animated,
    backgroundColor: settings.background ?? 'transparent',
    // No names that need quotes: the text of a saved SVG would end at them.
    textStyle: { fontFamily: 'system-ui, Roboto, sans-serif' },
    aria: { enabled: false },
    grid: gridsOf(lanes, (scale.name ? 3.4 : 2) * rem, rem),
    xAxis: (lanes.length ? [0, 1] : [0]).map(grid => timeAxis(scale, rangeOf(data, scale), grid, context)),
    yAxis: [volumeAxis(context), ...(lanes.length ? [laneAxis(lanes, context)] : [])],
    tooltip: settings.tooltip,
    series: [
      ...regions.flatMap(region => [barsOf(data.visits, region, context), lineOf(data.visits, region, context)]),
      ...(chosen.lesions ? lesionLines(data.lesions, context) : []),
      uncounted(data.visits, regions, context),
      marks(data.visits, regions, context),
      cuts(data, context),
      ...(lanes.length ? [laneSeries(lanes, context)] : []),
      chosenLine(chosen.visit, context),
    ],
  };
}

globalThis.gliomaCurve = { curveOption, lanesOf, LANE_REM, REGIONS, DARK, LIGHT };
})();
