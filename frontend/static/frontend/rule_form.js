// The conditions of a rule as nested fields. The tree is read from the page and written into the form when it is sent;
// what is wrong with it is said by the server.
const start = JSON.parse(document.getElementById('rule-tree').textContent);
const tags = new Map(start.tags.map(one => [one.tag, one]));
const valuesUrl = document.getElementById('conditions').dataset.values;
const JOINS = { all: 'all of', any: 'any of', not: 'none of', one_series: 'one series with all of' };
const ROLES = tags.get('Role').choices;

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function select(label, options, chosen, changed = () => {}) {
  const field = make('select', { ariaLabel: label });
  for (const [value, words] of options) {
    field.append(make('option', { value, textContent: words, selected: value === chosen }));
  }
  field.addEventListener('change', changed);
  return field;
}

function button(words, act, label = words) {
  const element = make('button', { type: 'button', className: 'small', textContent: words, ariaLabel: label });
  element.addEventListener('click', act);
  return element;
}

let lists = 0;
function textField(tag, value) {
  const field = make('input', { type: 'text', value, ariaLabel: 'Value', className: 'value' });
  const listed = make('datalist', { id: `values-${(lists += 1)}` });
  field.setAttribute('list', listed.id);
  let timer = 0;
  async function ask() {
    const answer = await fetch(`${valuesUrl}?${new URLSearchParams({ tag, q: field.value })}`);
    if (answer.ok) {
      const found = (await answer.json()).values;
      listed.replaceChildren(...found.map(one => make('option', { value: one.value, label: `${one.value} (${one.count})` })));
    }
  }
  field.addEventListener('focus', ask);
  field.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 200);
  });
  return make('span', {}, field, listed);
}

function valueFields(facts, value) {
  const box = make('span', { className: 'values' });
  if (facts.tests[0] === 'between') {
    const [low, high] = Array.isArray(value) ? value : ['', ''];
    const kind = facts.kind === 'date' ? 'date' : 'text';
    box.append(
      make('input', { type: kind, size: 8, value: low ?? '', ariaLabel: 'At least', className: 'low' }), ' to ',
      make('input', { type: kind, size: 8, value: high ?? '', ariaLabel: 'At most', className: 'high' }), ` ${facts.unit}`,
    );
  } else if (facts.kind === 'choice') {
    const field = select('Value', facts.choices.map(one => [one, one]), value);
    field.className = 'value';
    box.append(field);
  } else {
    box.append(textField(facts.tag, typeof value === 'string' ? value : ''));
  }
  return box;
}

function condition(known, seriesOnly) {
  const row = make('div', { className: 'condition' });
  const rest = make('span', { className: 'rest' });
  const offered = [...tags.values()].filter(one => !seriesOnly || one.ofSeries);
  function show(test, value) {
    const facts = tags.get(tag.value);
    const asked = select('Test', facts.tests.map(one => [one, one]), test);
    asked.className = 'test';
    rest.replaceChildren(asked, valueFields(facts, value));
  }
  const tag = select('What', offered.map(one => [one.tag, one.spoken]), known.tag, () => show());
  tag.className = 'tag';
  row.append(tag, rest, button('Remove', () => row.remove(), 'Remove the condition'));
  show(known.test, known.value);
  row.read = () => {
    const test = rest.querySelector('.test').value;
    const value = test === 'between'
      ? [rest.querySelector('.low').value || null, rest.querySelector('.high').value || null]
      : rest.querySelector('.value').value;
    return { tag: tag.value, test, value };
  };
  return row;
}

function nodes(known, seriesOnly, depth) {
  const box = make('div', { className: 'nodes' });
  const list = make('div', { className: 'list' });
  const add = one => list.append('tag' in one ? condition(one, seriesOnly) : group(one, seriesOnly, depth));
  known.forEach(add);
  const first = seriesOnly ? 'SeriesDescription' : 'StudyDescription';
  const bar = make('p', { className: 'button-row' }, button('Add a condition', () => add({ tag: first, test: 'contains', value: '' })));
  if (depth < 4) {
    bar.append(button('Add a group', () => add({ any: [] })));
  }
  box.append(list, bar);
  box.read = () => [...list.children].map(one => one.read());
  return box;
}

function group(known, seriesOnly, depth) {
  const [join, inner] = Object.entries(known)[0];
  const offered = Object.entries(JOINS).filter(([name]) => !seriesOnly || name !== 'one_series');
  const box = make('fieldset', { className: 'group' });
  const how = select('How they are joined', offered, join, () => rebuild(how.value));
  let own = null;
  function rebuild(name) {
    const next = nodes(own ? own.read() : inner, seriesOnly || name === 'one_series', depth + 1);
    own ? own.replaceWith(next) : box.append(next);
    own = next;
  }
  box.append(how, button('Remove', () => box.remove(), 'Remove the group'));
  rebuild(join);
  box.read = () => ({ [how.value]: own.read() });
  return box;
}

function overrides(known) {
  const box = make('div');
  const list = make('div');
  function add(one) {
    const role = select('Role', ROLES.map(value => [value, value]), one.role);
    const own = nodes(one.series, true, 1);
    const row = make('fieldset', { className: 'group' }, 'A series with all of these is ', role, button('Remove', () => row.remove(), 'Remove the override'), own);
    row.read = () => ({ role: role.value, series: own.read() });
    list.append(row);
  }
  known.forEach(add);
  box.append(list, button('Say what a series is', () => add({ role: 'FLAIR', series: [{ tag: 'SeriesDescription', test: 'equals', value: '' }] })));
  box.read = () => [...list.children].map(one => one.read());
  return box;
}

const asList = value => (Array.isArray(value) ? value.filter(one => one && typeof one === 'object') : []);
const conditions = nodes(asList(start.conditions), false, 1);
const told = overrides(asList(start.overrides));
document.getElementById('conditions').append(conditions);
document.getElementById('overrides').append(told);
document.getElementById('rule-form').addEventListener('submit', event => {
  event.target.elements.conditions.value = JSON.stringify(conditions.read());
  event.target.elements.role_overrides.value = JSON.stringify(told.read());
});
