// Every page in both themes and both languages: drawn, without serious or critical findings of axe, and fitting a phone.
import { check, test } from './harness.mjs';
import { phantom } from './mock-server/phantom.mjs';

const schemes = ['dark', 'light'];
const languages = ['en', 'zh'];

async function show(visitor, path) {
  const [address, tab] = path.split('#');
  await visitor.go(address);
  if (tab) { await visitor.page.getByRole('tab').nth(1).click(); await visitor.settled(); }
}

/** @param {{ name: string, password: string, pages: string[][], mock?: any }} options */
export function pageTests({ name, password, pages, mock }) {
  for (const scheme of schemes) {
    for (const language of languages) {
      test(`pages: ${scheme}, ${language}: entrance has no serious finding`, async (visit) => {
        const visitor = await visit({ scheme, language });
        await visitor.go('/');
        await visitor.shot(`${scheme}-${language}-sign-in`);
        await visitor.axe('sign-in');
      });
      if (mock) {
        test(`pages: ${scheme}, ${language}: set-up has no serious finding`, async (visit) => {
          mock.state.setupNeeded = true;
          try {
            const visitor = await visit({ scheme, language });
            await visitor.go('/');
            await visitor.page.locator('input[autocomplete=username]').waitFor();
            await visitor.shot(`${scheme}-${language}-set-up`);
            await visitor.axe('set-up');
          } finally {
            mock.state.setupNeeded = false;
          }
        });
        test(`pages: ${scheme}, ${language}: a prediction with its verdict has no serious finding`, async (visit) => {
          const visitor = await visit.shared(`${scheme}-${language}`, { scheme, language }, (fresh) => fresh.signIn(name, password));
          await visitor.go('/diagnose?model=lung-nodule-ct@1');
          await visitor.page.locator('input[type=file]').setInputFiles({ name: 'phantom.png', mimeType: 'image/png', buffer: phantom({ seed: 12, size: 512, nodule: 'spiculated' }) });
          await visitor.page.getByTestId('probability').waitFor();
          await visitor.page.locator('[data-ready=true]').waitFor();
          await visitor.shot(`${scheme}-${language}-prediction`);
          await visitor.axe('prediction');
        });
      }
      for (const [label, path] of pages) {
        test(`pages: ${scheme}, ${language}: ${label} has no serious finding`, async (visit) => {
          const visitor = await visit.shared(`${scheme}-${language}`, { scheme, language }, (fresh) => fresh.signIn(name, password));
          await show(visitor, path);
          await visitor.shot(`${scheme}-${language}-${label}`);
          await visitor.axe(label);
        });
      }
    }
  }
  for (const scheme of schemes) {
    test(`pages: ${scheme}: fit a phone of 390 by 844`, async (visit) => {
      const visitor = await visit({ scheme, width: 390, height: 844 });
      await visitor.go('/');
      await visitor.shot(`${scheme}-phone-sign-in`);
      await visitor.signIn(name, password);
      for (const [label, path] of pages) {
        await show(visitor, path);
        await visitor.shot(`${scheme}-phone-${label}`);
        const over = await visitor.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        check(over <= 0, `${label} is ${over} pixels too wide`);
      }
    });
  }
}
