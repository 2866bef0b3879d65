// A mask that a reader edits with OHIF's own tools: whether it was changed, and sending it to Django by STOW-RS.

export function createCorrection(overlay, { servicesManager, commandsManager, extensionManager }, onChange) {
  const { segmentationService } = servicesManager.services;
  let watching = false;
  let isChanged = false;

  function setChanged(changed) {
    if (changed !== isChanged) {
      isChanged = changed;
      onChange();
    }
  }

  // Loading a SEG is announced as a change of its voxels too; only what comes afterwards is the reader's.
  function watch() {
    watching = true;
  }

  const { unsubscribe } = segmentationService.subscribe(
    segmentationService.EVENTS.SEGMENTATION_DATA_MODIFIED,
    () => watching && setChanged(true)
  );

  function warn(event) {
    if (isChanged) {
      event.preventDefault();
    }
  }
  window.addEventListener('beforeunload', warn);

  // Sends the mask to `address`; the words of the refusal, empty where it was taken.
  async function save({ address, csrf }) {
    const segmentationId = overlay.segmentationId();
    const { dataset } = commandsManager.runCommand('generateSegmentation', { segmentationId });
    const request = requestTo(address, csrf);
    const [source] = extensionManager.getActiveDataSource();
    try {
      await source.store.dicom(dataset, request);
    } catch (error) {
      return refusalIn(request, error);
    }
    setChanged(false);
    return '';
  }

  function stop() {
    unsubscribe();
    window.removeEventListener('beforeunload', warn);
  }

  return { watch, save, stop, isChanged: () => isChanged };
}

// The data source writes and sends the object; where to, and that it is ours, is said here.
function requestTo(address, csrf) {
  const request = new XMLHttpRequest();
  const open = request.open.bind(request);
  request.open = method => {
    open(method, address, true);
    request.setRequestHeader('X-CSRFToken', csrf);
  };
  return request;
}

function refusalIn(request, error) {
  try {
    return JSON.parse(request.response).detail ?? `The server answered ${request.status}.`;
  } catch {
    return request.status ? `The server answered ${request.status}.` : error.message || 'The server does not answer.';
  }
}
