// The order of the rules: by dragging, or by the buttons up and down.
const list = document.getElementById('rules');

function send() {
  const form = document.getElementById('order');
  for (const rule of list.querySelectorAll('[data-key]')) {
    const field = document.createElement('input');
    field.type = 'hidden';
    field.name = 'key';
    field.value = rule.dataset.key;
    form.append(field);
  }
  form.submit();
}

list.addEventListener('click', event => {
  const step = Number(event.target.closest('[data-move]')?.dataset.move ?? 0);
  const rule = event.target.closest('[data-key]');
  if (step < 0 && rule.previousElementSibling) {
    rule.previousElementSibling.before(rule);
    send();
  } else if (step > 0 && rule.nextElementSibling) {
    rule.nextElementSibling.after(rule);
    send();
  }
});

let dragged = null;
list.addEventListener('dragstart', event => {
  dragged = event.target.closest('[data-key]');
});
list.addEventListener('dragover', event => {
  const over = event.target.closest('[data-key]');
  if (!dragged || !over) {
    return;
  }
  event.preventDefault();
  if (over !== dragged) {
    const middle = over.getBoundingClientRect().top + over.offsetHeight / 2;
    event.clientY < middle ? over.before(dragged) : over.after(dragged);
  }
});
list.addEventListener('drop', event => {
  event.preventDefault();
  if (dragged) {
    dragged = null;
    send();
  }
});
