// Against a running node: set-up when it is fresh, sign-in, and the whole path from a data set to a diagnosis and its verdict.
import { readFileSync } from 'node:fs';
import { check, equal, test, until } from './harness.mjs';
import { phantom } from './mock-server/phantom.mjs';

// A picture of the test split of the first data set, as the node draws it: what the model was made for.
async function sampleOf(visitor) {
  const bytes = await visitor.page.evaluate(async () => {
    const sets = await (await fetch('/api/v1/datasets')).json();
    if (!sets.items?.length) return null;
    const name = encodeURIComponent(sets.items[0].name);
    const samples = await (await fetch(`/api/v1/datasets/${name}/samples?split=test&limit=50`)).json();
    const wanted = samples.items.find((sample) => sample.label === 1) ?? samples.items[0];
    const image = await fetch(`/api/v1/datasets/${name}/samples/${wanted.index}/image.png`);
    return [...new Uint8Array(await image.arrayBuffer())];
  });
  return bytes && { name: 'sample.png', mimeType: 'image/png', buffer: Buffer.from(bytes) };
}

/** @param {{ name: string, password: string, setupToken: string, image: string }} credentials */
export function realTests({ name, password, setupToken, image }) {
  const picture = async (visitor) => (image ? { name: 'image.png', mimeType: 'image/png', buffer: readFileSync(image) } : (await sampleOf(visitor)) ?? { name: 'phantom.png', mimeType: 'image/png', buffer: phantom({ seed: 5, size: 128, nodule: 'smooth' }) });
  const read = async (visitor, blinded = false) => {
    await visitor.signIn(name, password);
    const file = await picture(visitor);
    await visitor.go('/diagnose');
    if (blinded) await visitor.page.getByRole('switch', { name: 'Blinded reading' }).click();
    await visitor.page.locator('input[type=file]').setInputFiles(file);
  };
  if (setupToken) {
    test('node: the first run makes an administrator', async (visit) => {
      const visitor = await visit();
      const { page } = visitor;
      await visitor.go('/');
      await visitor.shot('node-set-up');
      await visitor.axe('set-up');
      const make = async (token) => {
        await page.getByLabel('Set-up token').fill(token);
        await page.getByLabel('Your user name').fill(name);
        await page.getByLabel('Password', { exact: true }).fill(password);
        await page.getByLabel('Repeat the password').fill(password);
        await page.getByRole('button', { name: 'Create administrator' }).click();
      };
      await make('a token that nobody showed');
      await page.getByText('The set-up token is not right.').waitFor();
      await make(setupToken);
      await page.locator('#content').waitFor();
      for (const [label, path] of [['diagnose', '/diagnose'], ['datasets', '/datasets'], ['training', '/training'], ['models', '/models'], ['predictions', '/predictions']]) {
        await visitor.go(path);
        await visitor.shot(`empty-${label}`);
      }
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
  if (!setupToken) {
    test('node: a training is started, followed and ends in a model with its evaluation', async (visit) => {
      const visitor = await visit();
      const { page } = visitor;
      await visitor.signIn(name, password);
      await visitor.go('/datasets');
      await page.locator('#content a[href^="/datasets/"]').first().click();
      await page.locator('.contact-cell').first().waitFor();
      await visitor.shot('node-dataset');
      await page.getByRole('link', { name: 'Train on this' }).click();
      await page.getByLabel('Model name').fill('second-look');
      await page.getByLabel('Epochs').fill('2');
      await page.getByRole('dialog').getByRole('button', { name: 'Start training' }).click();
      await page.getByRole('heading', { name: 'second-look' }).waitFor();
      await page.getByText('Succeeded').waitFor();
      await page.getByText('Epoch 2 of 2').waitFor();
      await until(async () => (await page.locator('.recharts-line-curve').count()) >= 2, 'the curves are drawn');
      await visitor.shot('node-training');
      await page.getByRole('link', { name: 'Open model' }).click();
      await page.getByRole('tab', { name: 'Evaluation' }).click();
      await page.getByText('AUROC').first().waitFor();
      await visitor.shot('node-evaluation');
      await page.getByRole('tab', { name: 'Report' }).click();
      await page.frameLocator('iframe').getByText('second-look').first().waitFor();
    });
    test('node: an image is diagnosed, judged twice, and kept', async (visit) => {
      const visitor = await visit();
      const { page } = visitor;
      await read(visitor);
      await page.getByTestId('probability').waitFor();
      await page.locator('[data-ready=true]').waitFor();
      const shown = (await page.getByTestId('probability').textContent()) ?? '';
      check(/\d%/.test(shown), `a probability is shown: ${shown}`);
      await visitor.shot('node-prediction');
      await page.getByRole('button', { name: 'Agree', exact: true }).click();
      await page.getByRole('button', { name: /Save verdict/ }).click();
      await page.getByText('Stored as revision 1.').waitFor();
      await page.getByRole('button', { name: 'Disagree' }).click();
      await page.getByLabel('Comment').fill('seen again on a larger screen');
      await page.getByRole('button', { name: /Save revision/ }).click();
      await page.getByText('Stored as revision 2.').waitFor();
      await visitor.shot('node-verdict');
      await visitor.go('/predictions');
      await visitor.shot('node-predictions');
      await page.locator('tbody tr a').first().click();
      await page.locator('[data-ready=true]').waitFor();
      equal(await page.getByTestId('probability').textContent(), shown, 'the probability that was kept');
      await page.getByText('seen again on a larger screen').waitFor();
    });
    test('node: a map of influence is computed, checked, and laid over the image', async (visit) => {
      const visitor = await visit();
      const { page } = visitor;
      await read(visitor);
      await page.getByTestId('probability').waitFor();
      await page.getByRole('button', { name: 'Compute the map' }).click();
      // Passed or not is the model's affair; what was checked is said in both cases, and a map that failed is not shown.
      await page.getByText('weight randomisation', { exact: true }).waitFor();
      const passed = await page.getByRole('switch', { name: 'Show the map over the image' }).count();
      equal(await page.getByText('The map is not shown').count(), passed ? 0 : 1, 'says that it is not shown');
      await visitor.shot('node-explanation');
      await visitor.axe('a diagnosis with its map');
    });
    test('node: a blinded reading shows nothing before the verdict', async (visit) => {
      const visitor = await visit();
      const { page } = visitor;
      await read(visitor, true);
      await page.getByText('The prediction is hidden').waitFor();
      equal(await page.getByTestId('probability').count(), 0, 'probabilities shown');
      check(!/\d%/.test((await page.locator('.diagnose-grid > :last-child').textContent()) ?? ''), 'no percentage is shown');
      await visitor.shot('node-blinded');
    });
    test('node: a picture of something else gets no probability', async (visit) => {
      const visitor = await visit();
      const { page } = visitor;
      await visitor.signIn(name, password);
      await visitor.go('/diagnose');
      const noise = await page.evaluate(async () => {
        const canvas = new OffscreenCanvas(128, 128);
        const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
        for (let y = 0; y < 16; y += 1) for (let x = 0; x < 16; x += 1) { context.fillStyle = (x * 7 + y * 13) % 5 < 2 ? '#fff' : '#000'; context.fillRect(x * 8, y * 8, 8, 8); }
        return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer())];
      });
      await page.locator('input[type=file]').setInputFiles({ name: 'tiles.png', mimeType: 'image/png', buffer: Buffer.from(noise) });
      await page.getByTestId('not-applicable').waitFor();
      equal(await page.getByTestId('probability').count(), 0, 'probabilities shown');
      await visitor.shot('node-not-applicable');
      await visitor.axe('not applicable');
    });
    test('node: a lying image is refused with the reason', async (visit) => {
      const visitor = await visit();
      await visitor.signIn(name, password);
      await visitor.go('/diagnose');
      await visitor.page.locator('input[type=file]').setInputFiles({ name: 'lie.png', mimeType: 'image/png', buffer: Buffer.from('this is not a PNG at all') });
      await visitor.page.getByText(/^Request [0-9a-f-]+$/).waitFor();
      await visitor.shot('node-lie');
    });
  }
  test('node: the audit trail shows the sign-in and verifies', async (visit) => {
    const visitor = await visit();
    await visitor.signIn(name, password);
    await visitor.go('/audit');
    await visitor.page.getByText('The chain is whole').waitFor();
    check((await visitor.page.getByText('user.login').count()) > 0, 'the sign-in is recorded');
  });
  test('node: a clinician who was added sees what clinicians see', async (visit) => {
    const admin = await visit();
    await admin.signIn(name, password);
    await admin.go('/users');
    await admin.page.getByRole('button', { name: 'Add user' }).click();
    await admin.page.getByRole('dialog').getByLabel('User name').fill('novak');
    await admin.page.getByRole('dialog').getByLabel('First password').fill('a longer pass phrase');
    await admin.page.getByRole('button', { name: 'Create user' }).click();
    await admin.page.getByText('User novak created').waitFor();
    const clinician = await visit();
    await clinician.signIn('novak', 'a longer pass phrase');
    const entries = await clinician.page.locator('nav a.nav-link').allTextContents();
    check(entries.includes('Diagnose') && !entries.includes('Users') && !entries.includes('Audit'), `a clinician sees ${entries}`);
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
