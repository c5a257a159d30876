// Sets theme and language before the first paint; a file of its own because the content security policy allows no inline script.
(function () {
  var root = document.documentElement;
  var scheme = null;
  var language = null;
  try {
    scheme = localStorage.getItem('aceso-color-scheme');
    language = localStorage.getItem('aceso-language');
  } catch (error) {
    scheme = null;
  }
  var dark = scheme === 'dark' || (scheme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  root.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
  root.lang = language === 'zh' || (language !== 'en' && /^zh\b/i.test(navigator.language)) ? 'zh-Hans' : 'en';
})();
