// OHIF's configuration: our mode and extension, one read-only data source behind Django's session.

window.PUBLIC_URL = '/ohif/';
window.browserImportFunction = module => import(module);

// OHIF hands its React to whoever draws the logo: our panel is made with the same one.
window.gliomaReview = {
  createLogo(React) {
    window.gliomaReview.React = React;
    return React.createElement(
      'a',
      {
        href: '/',
        title: 'Back to the worklist',
        'data-cy': 'glioma-worklist-link',
        style: { display: 'flex', alignItems: 'center', gap: '10px', color: '#e8edf2', textDecoration: 'none' },
      },
      React.createElement('img', { src: '/static/frontend/mark.svg', alt: '', width: 26, height: 26 }),
      React.createElement('span', { style: { fontWeight: 600, fontSize: '16px' } }, 'Glioma review'),
      React.createElement(
        'span',
        { style: { color: '#93a1b0', fontSize: '12px', whiteSpace: 'nowrap' } },
        'Research use, not a medical device'
      )
    );
  },
};

window.config = {
  name: 'glioma-review',
  routerBasename: '/ohif/',
  extensions: ['/ohif/extension/glioma-extension.js'],
  modes: ['/ohif/mode/glioma-mode.js'],
  whiteLabeling: { createLogoComponentFn: React => window.gliomaReview.createLogo(React) },
  showStudyList: false,
  showLoadingIndicator: true,
  showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: true,
  showErrorDetails: 'production',
  strictZSpacingForVolumeViewport: true,
  // Every page of ours says that this is for research; OHIF's own banner would say it a second time.
  investigationalUseDialog: { option: 'never' },
  // The overlay appears without a question.
  disableConfirmationPrompts: true,
  maxNumberOfWebWorkers: 3,
  maxNumRequests: { interaction: 100, thumbnail: 5, prefetch: 25 },
  customizationService: {
    // `global` wins over what modes and extensions set.
    global: {
      'ohif.tours': { $set: [] },
      'studyBrowser.studyMode': { $set: 'primary' },
      // Shown to those alone who may correct masks: see the mode.
      'panelSegmentation.disableEditing': { $set: false },
      'panelSegmentation.showAddSegment': { $set: false },
      // A mask is saved in our panel, as a result that is measured; OHIF's own menu would store it beside the result.
      'panelSegmentation.customDropdownMenuContent': { $set: () => null },
    },
  },
  defaultDataSourceName: 'orthanc',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'orthanc',
      configuration: {
        friendlyName: 'Orthanc',
        name: 'orthanc',
        wadoUriRoot: '/dicomweb',
        qidoRoot: '/dicomweb',
        wadoRoot: '/dicomweb',
        qidoSupportsIncludeField: true,
        supportsFuzzyMatching: false,
        supportsWildcard: true,
        // Orthanc 1.7 has no /thumbnail: pictures are drawn from the frames.
        imageRendering: 'wadors',
        thumbnailRendering: 'wadors',
        enableStudyLazyLoad: true,
        staticWado: false,
        omitQuotationForMultipartRequest: true,
        bulkDataURI: { enabled: true },
        // One bit a voxel, uncompressed: what our server reads.
        segmentation: { store: { defaultMode: 'bitmap', transferSyntaxUID: '1.2.840.10008.1.2.1' } },
      },
    },
  ],
  httpErrorHandler: error => {
    // A session that ended meanwhile: log in and come back here.
    if (error && error.status === 401) {
      const here = window.location.pathname + window.location.search;
      window.location.assign('/login/?next=' + encodeURIComponent(here));
    }
  },
};
