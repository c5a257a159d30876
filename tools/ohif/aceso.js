// Runs before OHIF: what its page has as inline scripts, and the way to the sign-in for those who are not signed in.
console.time('scriptToView');
window.PUBLIC_URL = '/ohif/';
window.browserImportFunction = function (name) { return import(name); };
fetch('/api/v1/session', { credentials: 'same-origin', cache: 'no-store' }).then(function (answer) {
  if (answer.status === 401) window.location.replace('/studies');
});
