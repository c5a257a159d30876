// Against a running node: set-up when it is fresh, sign-in, and the whole path of a diagnosis when there is a model and an image.
import { check, test } from './harness.mjs';
import { phantom } from './mock-server/phantom.mjs';

/** @param {{ name: string, password: string, setupToken: string, image: string }} credentials */
export function realTests({ name, password, setupToken, image }) {
  if (setupToken) {
    test('node: the first run makes an administrator', async (visit) => {
      const visitor = await visit();
      await visitor.go('/');
      const fields = visitor.page.locator('form input');
      await fields.nth(0).fill(setupToken);
      await fields.nth(1).fill(name);
      await fields.nth(2).fill(password);
      await fields.nth(3).fill(password);
      await visitor.page.locator('button[type=submit]').click();
      await visitor.page.locator('#content').waitFor();
    });
  }
  test('node: a wrong password is refused without saying why', async (visit) => {
    const visitor = await visit();
    await visitor.go('/');
    await visitor.page.getByLabel('User name').fill(name);
    await visitor.page.getByLabel('Password', { exact: true }).fill('certainly not this one');
    await visitor.page.getByRole('button', { name: 'Sign in' }).click();
    await visitor.page.getByText('The name or password is not right.').waitFor();
  });
  test('node: an image is diagnosed and the prediction is kept', async (visit) => {
    const visitor = await visit();
    await visitor.signIn(name, password);
    await visitor.go('/diagnose');
    if (await visitor.page.getByText('No model to diagnose with').count()) { console.log('        (no model registered: the page says so)'); return; }
    await visitor.page.locator('input[type=file]').setInputFiles(image || { name: 'phantom.png', mimeType: 'image/png', buffer: phantom({ seed: 5, size: 128, nodule: 'smooth' }) });
    await visitor.page.getByTestId('probability').waitFor({ timeout: 60_000 });
    check(/%/.test((await visitor.page.getByTestId('probability').textContent()) ?? ''), 'a probability is shown');
    await visitor.shot('node-prediction');
    await visitor.go('/predictions');
    check((await visitor.page.locator('tbody tr').count()) > 0, 'the prediction is listed');
    await visitor.page.locator('tbody tr a').first().click();
    await visitor.page.locator('[data-ready=true]').waitFor();
  });
  test('node: the audit trail shows the sign-in and verifies', async (visit) => {
    const visitor = await visit();
    await visitor.signIn(name, password);
    await visitor.go('/audit');
    await visitor.page.getByText('The chain is whole').waitFor();
    check((await visitor.page.getByText('user.login').count()) > 0, 'the sign-in is recorded');
  });
  test('node: signing out ends the session', async (visit) => {
    const visitor = await visit();
    await visitor.signIn(name, password);
    await visitor.page.locator('.user-button').click();
    await visitor.page.getByRole('menuitem', { name: 'Sign out' }).click();
    await visitor.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    const status = await visitor.page.evaluate(async () => (await fetch('/api/v1/session')).status);
    check(status === 401, `the session still answers ${status}`);
  });
}
