// The panes as they are seen, as one PNG: the images and the overlay, no names. What the panes write at their edges is
// not drawn, so that a picture in a mail tells nobody who the patient is.

const FOOT = 'Research use, not a medical device';
const FOOT_PX = 22;

export function picture() {
  const canvases = [...document.querySelectorAll('[data-cy=viewport-pane] canvas.cornerstone-canvas')];
  const boxes = canvases.map(canvas => canvas.getBoundingClientRect());
  const left = Math.min(...boxes.map(box => box.left));
  const top = Math.min(...boxes.map(box => box.top));
  const width = Math.max(...boxes.map(box => box.right)) - left;
  const height = Math.max(...boxes.map(box => box.bottom)) - top;
  const whole = new OffscreenCanvas(Math.round(width), Math.round(height) + FOOT_PX);
  const context = whole.getContext('2d');
  context.fillRect(0, 0, whole.width, whole.height);
  canvases.forEach((canvas, place) => {
    const box = boxes[place];
    context.drawImage(canvas, box.left - left, box.top - top, box.width, box.height);
  });
  context.fillStyle = '#a3b1bf';
  context.font = '13px sans-serif';
  context.fillText(FOOT, 8, whole.height - 7);
  return whole.convertToBlob({ type: 'image/png' });
}
