// OHIF on this node: its DICOMweb, the session of the application, nothing from elsewhere. OHIF's own list of studies is off: it would put names
// and numbers of patients into addresses; the node's Studies page opens studies by their UID.
window.config = {
  name: 'aceso',
  routerBasename: '/ohif',
  extensions: [],
  modes: [],
  customizationService: {},
  showStudyList: false,
  maxNumberOfWebWorkers: 3,
  showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: true,
  showLoadingIndicator: true,
  strictZSpacingForVolumeViewport: true,
  maxNumRequests: { interaction: 100, thumbnail: 4, prefetch: 6 },
  investigationalUseDialog: { option: 'always' },
  defaultDataSourceName: 'aceso',
  dataSources: [
    {
      namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
      sourceName: 'aceso',
      configuration: {
        friendlyName: 'Aceso',
        name: 'aceso',
        qidoRoot: '/dicom-web',
        wadoRoot: '/dicom-web',
        wadoUriRoot: '/dicom-web',
        qidoSupportsIncludeField: true,
        supportsReject: false,
        supportsFuzzyMatching: true,
        supportsWildcard: true,
        imageRendering: 'wadors',
        thumbnailRendering: 'thumbnail',
        thumbnailRequestStrategy: 'fetch',
        enableStudyLazyLoad: true,
        dicomUploadEnabled: false,
        omitQuotationForMultipartRequest: true,
        bulkDataURI: { enabled: true },
      },
    },
  ],
  httpErrorHandler: function (error) {
    if (error && error.status === 401) window.location.replace('/studies');
  },
};
