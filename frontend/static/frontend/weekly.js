// Charts over weeks: each `[data-chart]` is drawn from its entry in #charts, as lines or stacked bars.
// The table below each chart holds the same numbers, for who cannot see it.

(() => {
  const TEXT = '#e8edf2';
  const SOFT = '#a3b1bf';
  const LINE = '#2a3847';
  const COLOURS = ['#6cb2ee', '#f0b849', '#58c08c', '#ff7b72', '#c792ea', '#e8edf2', '#f08a5b', '#7fd4d9'];
  const DASHES = ['solid', [6, 3], [2, 3], [8, 3, 2, 3]];

  function seriesOf(name, values, index, isBar) {
    const shared = { name, data: values, color: COLOURS[index % COLOURS.length] };
    if (isBar) {
      return { ...shared, type: 'bar', stack: 'all', barMaxWidth: 28 };
    }
    return {
      ...shared,
      type: 'line',
      symbolSize: 6,
      showAllSymbol: true,
      connectNulls: false,
      lineStyle: { width: 2, type: DASHES[index % DASHES.length] },
    };
  }

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  // Built of elements, because a policy without inline styles refuses the chart's own markup.
  function hoverOf(unit) {
    return points => {
      const box = element('div', '');
      box.append(element('b', `Week of ${points[0].axisValue}`));
      for (const point of points) {
        if (point.value !== null && point.value !== undefined) {
          box.append(element('p', `${point.seriesName}: ${point.value}${unit}`));
        }
      }
      return box;
    };
  }

  function optionOf({ weeks, lines }, isBar, unit) {
    const names = Object.keys(lines);
    return {
      animation: false,
      textStyle: { color: TEXT },
      grid: { left: 52, right: 16, top: 16 + 22 * Math.ceil(names.length / 3), bottom: 28 },
      legend: { top: 0, left: 0, textStyle: { color: TEXT }, itemGap: 16 },
      tooltip: {
        trigger: 'axis',
        confine: true,
        className: 'curve-hover',
        backgroundColor: '#1a2531',
        borderColor: LINE,
        textStyle: { color: TEXT },
        formatter: hoverOf(unit),
      },
      xAxis: { type: 'category', data: weeks, axisLabel: { color: SOFT }, axisLine: { lineStyle: { color: LINE } } },
      yAxis: {
        type: 'value',
        min: 0,
        max: unit === ' %' ? 100 : null,
        minInterval: unit === '' ? 1 : 0,
        axisLabel: { color: SOFT, formatter: `{value}${unit}` },
        splitLine: { lineStyle: { color: LINE } },
      },
      series: names.map((name, index) => seriesOf(name, lines[name], index, isBar)),
    };
  }

  const all = JSON.parse(document.getElementById('charts').textContent);
  for (const holder of document.querySelectorAll('[data-chart]')) {
    const told = all[holder.dataset.chart];
    const { [holder.dataset.without ?? '']: _, ...lines } = told.lines;
    const chart = globalThis.echarts.init(holder, null, { renderer: 'svg' });
    chart.setOption(optionOf({ weeks: told.weeks, lines }, holder.dataset.kind === 'bars', holder.dataset.unit));
    addEventListener('resize', () => chart.resize());
  }
})();
