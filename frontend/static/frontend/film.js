// The film strip: every visit shows the same level, which the slider or the arrow keys choose.

(() => {
  const film = document.getElementById('film');
  if (!film) {
    return;
  }
  const slider = document.getElementById('level');
  const overlay = document.getElementById('overlay');
  const superseded = document.getElementById('superseded');
  const cells = [...film.querySelectorAll('.film-cell')];
  const older = cells.filter(cell => cell.dataset.state === 'superseded');
  const columns = Number(film.dataset.columns);
  const rows = Number(film.dataset.rows);

  function draw() {
    const level = Number(slider.value) - 1;
    const place = `translate(${(-100 * (level % columns)) / columns}%, ${(-100 * Math.floor(level / columns)) / rows}%)`;
    for (const image of film.querySelectorAll('img')) {
      image.style.width = `${100 * columns}%`;
      image.style.transform = place;
    }
    document.getElementById('level-words').textContent = `${slider.value} of ${slider.max}, from below`;
    film.classList.toggle('bare', !overlay.checked);
    older.forEach(cell => { cell.hidden = !superseded.checked; });
  }

  function tell(image) {
    const words = image.classList.contains('grey') ? '.film-trouble' : '.film-no-mask';
    image.closest('.film-cell').querySelector(words).hidden = false;
    image.hidden = true;
  }
  for (const image of film.querySelectorAll('img')) {
    image.addEventListener('error', () => tell(image));
    // One that failed before this ran tells no more of it: it is asked for again.
    if (image.complete && !image.naturalWidth) {
      image.src = image.getAttribute('src');
    }
  }

  function stepLevel(by) {
    slider.value = String(Number(slider.value) + by);
    draw();
  }

  function stepVisit(by) {
    const links = cells.filter(cell => !cell.hidden).map(cell => cell.querySelector('a'));
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1);
    links[next]?.focus();
  }

  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const onSlider = event.target === slider;
    const steps = {
      ArrowUp: () => stepLevel(1),
      ArrowDown: () => stepLevel(-1),
      ArrowLeft: onSlider ? null : () => stepVisit(-1),
      ArrowRight: onSlider ? null : () => stepVisit(1),
      o: () => { overlay.checked = !overlay.checked; draw(); },
    };
    if (steps[event.key]) {
      event.preventDefault();
      steps[event.key]();
    }
  });

  film.addEventListener('wheel', event => {
    if (event.deltaY && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      stepLevel(event.deltaY < 0 ? 1 : -1);
    }
  }, { passive: false });

  for (const control of [slider, overlay, superseded]) {
    control.addEventListener('input', draw);
  }
  superseded.parentElement.hidden = older.length === 0;
  draw();
  film.dataset.ready = 'true';
})();
