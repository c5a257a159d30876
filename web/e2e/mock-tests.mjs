// What people do, against the mock node.
import { check, equal, test, until } from './harness.mjs';
import { password } from './mock-server/data.mjs';
import { phantom } from './mock-server/phantom.mjs';
import { totpCode } from './mock-server/server.mjs';

const picture = (seed = 12) => ({ name: 'phantom.png', mimeType: 'image/png', buffer: phantom({ seed, size: 256, nodule: 'spiculated' }) });
const nodules = '/diagnose?model=lung-nodule-ct@1';

async function read(visitor, path = nodules, file = picture()) {
  await visitor.go(path);
  await visitor.page.locator('input[type=file]').setInputFiles(file);
}

export function mockTests(mock) {
  test('first run: set-up makes the administrator and opens the application', async (visit) => {
    mock.state.setupNeeded = true;
    const visitor = await visit();
    const { page } = visitor;
    await visitor.go('/');
    await page.getByLabel('Set-up token').fill('wrong token');
    await page.getByLabel('Your user name').fill('first');
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByLabel('Repeat the password').fill(`${password}!`);
    await page.getByRole('button', { name: 'Create administrator' }).click();
    await page.getByText('The two passwords differ').waitFor();
    await page.getByLabel('Repeat the password').fill(password);
    await page.getByRole('button', { name: 'Create administrator' }).click();
    await page.getByText('The set-up token is not right.').waitFor();
    await page.getByText(/^Request [0-9a-f]+$/).waitFor();
    await page.getByLabel('Set-up token').fill(mock.state.setupToken);
    await page.getByRole('button', { name: 'Create administrator' }).click();
    await page.locator('#content').waitFor();
    check(!mock.state.setupNeeded, 'the node is set up');
  });

  test('sign-in: wrong password, then right, then out', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.go('/');
    await page.getByLabel('User name').fill('okafor');
    await page.getByLabel('Password', { exact: true }).fill('not this one');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('The name or password is not right.').waitFor();
    await page.getByLabel('Password', { exact: true }).fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Diagnose' }).waitFor();
    await page.locator('.user-button').click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('sign-in: too many attempts say how long to wait', async (visit) => {
    const visitor = await visit();
    await visitor.go('/');
    await visitor.page.getByLabel('User name').fill('lin');
    for (let i = 0; i < 6; i += 1) {
      await visitor.page.getByLabel('Password', { exact: true }).fill(`guess number ${i}`);
      const answered = visitor.page.waitForResponse((response) => response.url().endsWith('/api/v1/session') && response.request().method() === 'POST');
      await visitor.page.getByRole('button', { name: 'Sign in' }).click();
      await answered;
    }
    await visitor.page.getByText('Try again in 30 seconds').waitFor();
  });

  test('sign-in: an account with one-time codes asks for one', async (visit) => {
    const visitor = await visit();
    await visitor.signIn('moreau', password, totpCode);
    await visitor.page.getByRole('heading', { name: 'Audit trail' }).waitFor();
  });

  test('navigation shows what the role may do, and no more', async (visit) => {
    const expected = { okafor: ['Diagnose', 'Worklist', 'Studies', 'Patients', 'Modalities', 'Predictions', 'Labelling', 'Models'], lin: ['Diagnose', 'Predictions', 'Labelling', 'Datasets', 'Training', 'Runs', 'Models'] };
    for (const [name, entries] of Object.entries(expected)) {
      const visitor = await visit();
      await visitor.signIn(name, password);
      equal(await visitor.page.locator('nav a.nav-link').allTextContents(), entries, name);
      await visitor.go('/users');
      await visitor.page.getByText('There is no such page').waitFor();
    }
  });

  test('an ended session asks for the password and keeps the page', async (visit) => {
    const visitor = await visit();
    await visitor.signIn('okafor', password);
    await visitor.page.locator('nav').getByText('Models').click();
    await visitor.page.getByRole('heading', { name: 'pneumonia-chest-xray' }).waitFor();
    mock.endSessions();
    await visitor.page.locator('nav').getByText('Predictions').click();
    const dialog = visitor.page.getByRole('dialog', { name: 'Your session has ended' });
    await dialog.getByLabel('Password', { exact: true }).fill(password);
    await dialog.getByRole('button', { name: 'Sign in' }).click();
    await dialog.waitFor({ state: 'hidden' });
    check(visitor.page.url().endsWith('/predictions'), 'still on the same page');
  });

  test('diagnose: a prediction stands beside its model, threshold and uncertainty', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await read(visitor);
    await page.getByTestId('probability').waitFor();
    const shown = (await page.getByTestId('probability').textContent()) ?? '';
    const stored = mock.state.predictions[0];
    equal(shown, `${(stored.probability * 100).toFixed(1)}%`, 'probability');
    for (const text of ['Threshold 62%', 'Research use only', 'How sure is that?', 'Intended use:', stored.model.hash.slice(0, 12)]) check((await page.getByText(text).count()) > 0, `"${text}" is shown`);
    check((await page.locator('.icon-array .dot-on').count()) === Math.round(stored.uncertainty.observed * 100), 'the dots count what validation saw');
    equal(await page.getByTestId('model-name').textContent(), 'lung-nodule-ct');
    await page.locator('[data-ready=true]').waitFor();
    const lit = await page.locator('.viewer-frame canvas').evaluate((canvas) => {
      const c = /** @type {HTMLCanvasElement} */ (canvas);
      const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      return data.some((value, index) => index % 4 === 0 && value > 120);
    });
    check(lit, 'the image is drawn');
  });

  test('diagnose: each finding with its own threshold, and a number with its interval', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await read(visitor, '/diagnose?model=chest-findings@1');
    await page.getByTestId('labelled').waitFor();
    equal(await page.getByTestId('label').count(), 3, 'labels');
    equal(await page.getByTestId('label').first().locator('.num').first().textContent(), '83.0%', 'those that hold come first');
    for (const text of ['nodule, bulla', 'Threshold 41%', 'Threshold 50%', 'not suggested']) check((await page.getByText(text).count()) > 0, `"${text}" is shown`);
    check((await page.getByText('Grad-CAM').count()) === 0, 'no map of influence is offered');
    await visitor.shot('diagnose-labels');
    await page.getByRole('button', { name: 'Disagree' }).click();
    await page.getByRole('button', { name: /Save verdict/ }).click();
    await page.getByText('Stored as revision 1.').waitFor();
    await read(visitor, '/diagnose?model=nodule-size@1');
    await page.getByTestId('measured').waitFor();
    equal(await page.getByTestId('number').textContent(), '12.35 mm');
    check((await page.getByText('With 90% coverage the true value lies between 9.123 mm and 15.57 mm').count()) > 0, 'the interval and its coverage');
    check((await page.getByText('The 5 members of the ensemble answered between 11.2 mm and 13.1 mm.').count()) > 0, 'how far the members of an ensemble differ');
    await visitor.shot('diagnose-number');
    await visitor.go('/predictions');
    await page.getByText('12.35 mm').waitFor();
  });

  test('models: figures of numbers have their unit, several labels a row each', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('lin', password);
    await visitor.go('/models/nodule-size/1');
    await page.getByRole('tab', { name: 'Evaluation' }).click();
    await page.getByText('Mean absolute error, mm').waitFor();
    check((await page.locator('svg.interval').count()) === 0, 'no scale from 0 to 1 for millimetres');
    await visitor.shot('evaluation-number');
    await visitor.go('/models/chest-findings/1');
    await page.getByRole('tab', { name: 'Evaluation' }).click();
    await page.getByRole('cell', { name: 'effusion' }).waitFor();
    await visitor.shot('evaluation-labels');
  });

  test('diagnose: an outline is drawn over the image, with its size and how good such outlines were', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await read(visitor, '/diagnose?model=nodule-outline@1');
    await page.getByTestId('outlined').waitFor();
    const region = mock.state.predictions[0].outlines.regions[0];
    equal(await page.getByTestId('outline-size').textContent(), `${region.size.toFixed(region.size < 10 ? 2 : region.size < 1000 ? 1 : 0)} mm²`);
    for (const text of ['Outlined: nodule', 'Of 40 validation cases', 'half reached a Dice of 0.91', 'parts: 1']) check((await page.getByText(text).count()) > 0, `"${text}" is shown`);
    // The line's orange (255, 176, 0) stands on the canvas while it is shown, and only then.
    const orange = () => page.locator('.viewer-frame canvas').evaluate((canvas) => {
      const c = /** @type {HTMLCanvasElement} */ (canvas);
      const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      let n = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i] > 230 && data[i + 1] > 150 && data[i + 1] < 200 && data[i + 2] < 60) n += 1;
      return n;
    });
    await page.locator('[data-ready=true][data-marks="1"]').waitFor();
    check((await orange()) > 200, 'the outline is on the canvas');
    await visitor.shot('diagnose-outline');
    await page.getByLabel('Show outline').click({ force: true });
    await page.locator('[data-marks="0"]').waitFor();
    equal(await orange(), 0, 'hidden outline');
    await page.getByRole('button', { name: 'Disagree' }).click();
    await page.getByRole('button', { name: /Save verdict/ }).click();
    await page.getByText('Stored as revision 1.').waitFor();
    equal(mock.state.predictions[0].verdicts[0].agree, false);
  });

  test('diagnose: boxes are drawn over the image with their scores, and their figures stand on the evaluation page', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await read(visitor, '/diagnose?model=nodule-boxes@1');
    await page.getByTestId('boxed').waitFor();
    equal(await page.getByTestId('box').count(), 2);
    for (const text of ['Found: nodule', '0.94', 'Of 24 validation marks', '23 lay on a finding', 'On 100 validation images the model found 77 of 83 findings']) check((await page.getByText(text).count()) > 0, `"${text}" is shown`);
    const orange = () => page.locator('.viewer-frame canvas').evaluate((canvas) => {
      const c = /** @type {HTMLCanvasElement} */ (canvas);
      const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      let n = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i] > 230 && data[i + 1] > 150 && data[i + 1] < 200 && data[i + 2] < 60) n += 1;
      return n;
    });
    await page.locator('[data-ready=true][data-marks="2"]').waitFor();
    check((await orange()) > 200, 'the boxes are on the canvas');
    await visitor.shot('diagnose-boxes');
    await visitor.axe('diagnose with boxes');
    await page.getByLabel('Show boxes').click({ force: true });
    await page.locator('[data-marks="0"]').waitFor();
    equal(await orange(), 0, 'hidden boxes');
    await page.getByRole('button', { name: 'Agree', exact: true }).click();
    await page.getByRole('button', { name: /Save verdict/ }).click();
    await page.getByText('Stored as revision 1.').waitFor();
    await visitor.go('/models/nodule-boxes/1');
    await page.getByRole('tab', { name: 'Evaluation' }).click();
    await page.getByRole('cell', { name: 'FROC score', exact: true }).waitFor();
    await visitor.shot('evaluation-boxes');
  });

  test('diagnose: verdicts are revisable and kept', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await read(visitor, nodules, picture(3));
    await page.getByTestId('probability').waitFor();
    await page.getByRole('button', { name: 'Agree', exact: true }).click();
    await page.getByRole('button', { name: /Save verdict/ }).click();
    await page.getByText('Stored as revision 1.').waitFor();
    await page.getByRole('button', { name: 'Disagree' }).click();
    await page.getByLabel('Comment').fill('edge is smooth on the neighbouring slice');
    await page.getByRole('button', { name: /Save revision/ }).click();
    await page.getByText('Stored as revision 2.').waitFor();
    await page.getByText('edge is smooth on the neighbouring slice').waitFor();
    const verdicts = mock.state.predictions[0].verdicts;
    equal(verdicts.map((v) => v.agree), [true, false]);
    equal(verdicts[1].label, mock.state.predictions[0].positive ? 'smooth nodule' : 'spiculated nodule', 'label of the disagreement');
  });

  test('diagnose: being unsure needs a word on why', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await read(visitor, nodules, picture(4));
    await page.getByRole('button', { name: 'Unsure' }).click();
    await page.getByRole('button', { name: /Save verdict/ }).click();
    await page.getByText('Say in the comment what makes you unsure').waitFor();
    await page.getByLabel('Comment').fill('motion');
    await page.getByRole('button', { name: /Save verdict/ }).click();
    await page.getByText('Stored as revision 1.').waitFor();
    equal(mock.state.predictions[0].verdicts[0].agree, null);
  });

  test('diagnose: a blinded reading shows nothing before the verdict', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go(nodules);
    await page.getByRole('switch', { name: 'Blinded reading' }).click();
    await page.locator('input[type=file]').setInputFiles(picture(8));
    await page.getByText('The prediction is hidden').waitFor();
    equal(await page.getByTestId('probability').count(), 0, 'probabilities shown');
    check(!/\d%/.test((await page.locator('.diagnose-grid > :last-child').textContent()) ?? ''), 'no percentage is shown');
    await page.getByRole('button', { name: /Save and show prediction/ }).click();
    await page.getByText('Choose a finding').waitFor();
    await page.getByRole('button', { name: 'spiculated nodule' }).click();
    await page.getByRole('button', { name: /Save and show prediction/ }).click();
    await page.getByTestId('probability').waitFor();
    await page.getByText('read before the prediction was shown').waitFor();
    equal(mock.state.predictions[0].verdicts[0].saw_prediction_first, false);
  });

  test('diagnose: works by keyboard alone', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await read(visitor, nodules, picture(9));
    await page.getByTestId('probability').waitFor();
    await page.locator('[data-ready=true]').waitFor();
    await page.keyboard.press('i');
    await until(async () => (await page.getByRole('button', { name: 'Invert greys' }).getAttribute('aria-pressed')) === 'true', 'I inverts');
    await page.keyboard.press('=');
    await page.getByText('125%').waitFor();
    await page.keyboard.press('0');
    await page.getByText('· 100% ·', { exact: false }).waitFor();
    await page.keyboard.press('d');
    equal(await page.getByRole('button', { name: 'Disagree' }).getAttribute('aria-pressed'), 'true', 'D disagrees');
    await page.keyboard.press('a');
    await page.keyboard.press('Control+Enter');
    await page.getByText('Stored as revision 1.').waitFor();
    await page.keyboard.press('n');
    await page.getByText('Drop an image here').waitFor();
    await page.keyboard.press('Shift+?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
  });

  test('diagnose: an image can be pasted', async (visit) => {
    const visitor = await visit();
    await visitor.signIn('okafor', password);
    await visitor.go(nodules);
    await visitor.page.getByText('Drop an image here').waitFor();
    await visitor.page.evaluate((bytes) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], 'pasted.png', { type: 'image/png' }));
      document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
    }, [...picture(10).buffer]);
    await visitor.page.getByTestId('probability').waitFor();
  });

  test('diagnose: a file that is no image is refused before it is sent; a lying one by the node', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    const before = mock.state.predictions.length;
    await read(visitor, nodules, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('words') });
    await page.getByText('This is not an image that can be read').waitFor();
    await read(visitor, nodules, { name: 'lie.png', mimeType: 'image/png', buffer: Buffer.from('this is not a PNG at all') });
    await page.getByText('neither PNG, JPEG nor NPY', { exact: false }).waitFor();
    await page.getByText(/^Request [0-9a-f]+$/).waitFor();
    equal(mock.state.predictions.length, before, 'predictions stored');
  });

  test('predictions: the list leads back to image, result and revisions', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await read(visitor, nodules, picture(14));
    await page.getByTestId('probability').waitFor();
    const wanted = await page.getByTestId('probability').textContent();
    await page.locator('nav').getByText('Predictions').click();
    await page.locator('tbody tr a').first().click();
    await page.locator('[data-ready=true]').waitFor();
    equal(await page.getByTestId('probability').textContent(), wanted);
  });

  test('datasets: import with progress, then look at it, then delete it', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('lin', password);
    await visitor.go('/datasets');
    await page.getByRole('button', { name: 'Import' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.locator('input[type=file]').setInputFiles({ name: 'Chest Films 2.npz', mimeType: 'application/zip', buffer: Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(200_000)]) });
    equal(await dialog.getByLabel('Name', { exact: true }).inputValue(), 'chest-films-2', 'proposed name');
    await dialog.getByLabel(/Class names/).fill('clear, opaque');
    await dialog.getByRole('button', { name: 'Import' }).click();
    await dialog.getByText('Dataset chest-films-2 is ready').waitFor();
    await dialog.getByRole('link', { name: 'Open dataset' }).click();
    await page.getByRole('heading', { name: 'chest-films-2' }).waitFor();
    await page.getByText('no validation split: 20 % of train taken').waitFor();
    check((await page.locator('.contact-cell').count()) > 20, 'the contact sheet is filled');
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Dataset deleted').waitFor();
    check(!mock.state.datasets.some((d) => d.name === 'chest-films-2'), 'it is gone');
  });

  test('datasets: a file that is no archive is refused with the reason', async (visit) => {
    const visitor = await visit();
    await visitor.signIn('lin', password);
    await visitor.go('/datasets');
    await visitor.page.getByRole('button', { name: 'Import' }).click();
    await visitor.page.getByRole('dialog').locator('input[type=file]').setInputFiles({ name: 'broken.npz', mimeType: 'application/zip', buffer: Buffer.from('nothing of the sort') });
    await visitor.page.getByRole('dialog').getByRole('button', { name: 'Import' }).click();
    await visitor.page.getByText('File: not a zip archive.', { exact: false }).waitFor();
  });

  test('datasets: the contact sheet follows its filters', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('lin', password);
    await visitor.go('/datasets/pneumonia-mnist');
    await page.locator('.contact-cell').first().waitFor();
    await page.getByRole('textbox', { name: 'Class' }).click();
    await page.getByRole('option', { name: 'pneumonia' }).click();
    await until(async () => { const labels = await page.locator('.contact-cell').evaluateAll((cells) => cells.map((cell) => cell.getAttribute('aria-label'))); return labels.length > 0 && labels.every((label) => label.endsWith('pneumonia')); }, 'only pneumonia is shown');
  });

  test('training: start, watch the curves grow, finish', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('lin', password);
    await visitor.go('/datasets/phantom-ct');
    await page.getByRole('link', { name: 'Train on this' }).click();
    await page.getByLabel('Model name').fill('second-look');
    await page.getByLabel('Epochs').fill('4');
    await page.getByRole('dialog').getByRole('button', { name: 'Start training' }).click();
    await page.getByRole('heading', { name: 'second-look' }).waitFor();
    await page.getByText('Epoch 4 of 4').waitFor();
    await page.getByText('Succeeded').waitFor();
    await until(async () => (await page.locator('.recharts-line-curve').count()) >= 4, 'the curves are drawn');
    equal(mock.state.jobs[0].input.config.epochs, 4, 'epochs asked for');
    await page.getByRole('link', { name: 'Open model' }).waitFor();
  });

  test('training: a search shows its trials, the best first', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('lin', password);
    await visitor.go('/training?dataset=phantom-ct');
    await page.getByLabel('Model name').fill('searched');
    await page.getByLabel('Epochs').fill('4');
    await page.getByRole('button', { name: 'More settings' }).click();
    await page.getByRole('switch', { name: 'Try several settings' }).click();
    await page.getByLabel('Learning rate from').fill('0.5');
    await page.getByRole('dialog').getByRole('button', { name: 'Start training' }).click();
    await page.getByText('Must be above the first').waitFor();
    await page.getByLabel('Learning rate from').fill('0.0001');
    await page.getByRole('dialog').getByRole('button', { name: 'Start training' }).click();
    const table = page.getByRole('region', { name: 'Trials' });
    await table.getByText('Stopped at rung 1').first().waitFor();
    await page.getByText('Succeeded').waitFor();
    equal(await table.getByRole('row').count(), 10, 'nine trials and the head');
    equal(await table.getByText('Stopped at rung 1').count(), 6, 'a third goes on');
    const first = table.getByRole('row').nth(1);
    await first.getByText('best so far').waitFor();
    await first.getByText('Trained to the end').waitFor();
    const asked = mock.state.jobs[0].input.config.search;
    equal(asked.trials, 9);
    equal(asked.parameters.learning_rate.log_uniform[1], 0.01);
    await visitor.axe('a search');
    await visitor.shot('search');
  });

  test('training: cancel asks first, and a failure says why', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('lin', password);
    await visitor.go('/training/j-live');
    await page.getByRole('button', { name: 'Cancel job' }).click();
    await page.getByRole('button', { name: 'Let it run' }).click();
    equal(mock.state.jobs.find((job) => job.id === 'j-live').state, 'running');
    await page.getByRole('button', { name: 'Cancel job' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel job' }).click();
    await page.getByText('Cancelled', { exact: true }).waitFor();
    await visitor.go('/training/j-fail');
    await page.getByText('the loss became NaN in epoch 2, batch 7', { exact: false }).waitFor();
  });

  test('runs: filtered, sorted, chosen and laid over each other', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('lin', password);
    await visitor.go('/runs');
    const table = page.getByRole('region', { name: 'Runs' });
    const names = () => table.locator('tbody tr td:nth-child(2) p:first-child').allTextContents();
    await table.getByText('gradient boosting').waitFor();
    equal((await names()).length, 4, 'all runs of all experiments');
    await page.getByLabel('Filter').fill('metrics.train_loss > 0.0001');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await until(async () => (await names()).length === 3, 'those without a training loss are left out');
    await page.getByLabel('Filter').fill('metrics.train_loss >>');
    await page.getByRole('button', { name: 'Filter', exact: true }).click();
    await page.getByText('Filter, at byte 22: a comparison is expected', { exact: false }).waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await table.getByText('gradient boosting').waitFor();
    await table.getByRole('button', { name: 'validation_auc' }).click();
    await until(async () => (await table.locator('th[aria-sort=descending]').count()) === 1, 'sorted downwards');
    await until(async () => { const column = await table.locator('tbody tr td:nth-child(4)').allTextContents(); const values = column.map(Number); return values.length === 4 && values.every((v, i) => i === 0 || values[i - 1] >= v); }, 'by the metric');
    await page.getByLabel('Choose resnet18 3f1a').check();
    await page.getByText('Choose a second run to compare').waitFor();
    await page.getByLabel('Choose densenet121 90cd').check();
    const compared = page.getByRole('region', { name: 'Chosen runs' });
    await compared.locator('.recharts-line-curve').nth(1).waitFor();
    equal(await compared.locator('.recharts-line-curve').count(), 2, 'a curve a run');
    const differing = compared.getByRole('region', { name: 'Differing parameters' });
    equal((await differing.locator('tbody th').allTextContents()).join(), 'architecture,learning_rate', 'what differs and nothing else');
    await visitor.axe('runs');
    await visitor.shot('runs');
    equal(await table.getByRole('link', { name: 'pneumonia-chest-xray 3' }).getAttribute('href'), '/models/pneumonia-chest-xray/3');
    await table.getByRole('link', { name: 'Job' }).first().click();
    await page.getByRole('heading', { name: 'pneumonia-chest-xray' }).waitFor();
  });

  test('models: card, evaluation with intervals, report and stage', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('lin', password);
    await visitor.go('/models/lung-nodule-ct/1');
    await page.getByText('Trained on drawn phantoms', { exact: false }).waitFor();
    await page.getByRole('tab', { name: 'Evaluation' }).click();
    await page.getByText('0.868–0.903').waitFor();
    await page.getByRole('tab', { name: 'Report' }).click();
    await page.frameLocator('iframe').getByText('Evaluation of lung-nodule-ct, version 1').waitFor();
    await page.getByRole('button', { name: 'Change stage' }).click();
    await page.getByRole('menuitem', { name: /^Shadow/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Change stage' }).click();
    await page.getByText('Version 1 is now Shadow').waitFor();
    const version = () => mock.state.models[1].versions[0].stage;
    equal(version(), 'shadow');
    await page.getByRole('button', { name: 'Undo' }).click();
    await until(() => version() === 'candidate', 'undo brings it back');
  });

  test('approval: a gate, an acceptance that is signed, a recall and whom it concerned', async (visit) => {
    const head = await visit();
    await head.signIn('lin', password);
    await head.go('/models/lung-nodule-ct/1?tab=approval');
    await head.page.getByText('It cannot go live yet').waitFor();
    await head.page.getByText('no clinician has accepted', { exact: false }).waitFor();
    equal(await head.page.getByRole('button', { name: 'Accept on the grounds of ours-2026' }).count(), 0);   // not a clinician
    await head.page.getByRole('button', { name: 'Change the gate' }).click();
    const dialog = head.page.getByRole('dialog');
    equal(await dialog.getByRole('button', { name: 'Change the gate' }).isDisabled(), true);
    await dialog.getByLabel('Value').fill('0.99');
    await dialog.getByLabel('Reason').fill('agreed in the board');
    await dialog.getByRole('button', { name: 'Change the gate' }).click();
    await head.page.getByText('below the gate of 0.99', { exact: false }).waitFor();
    await head.axe('approval');
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/models/lung-nodule-ct/1?tab=approval');
    await page.getByText('12 of them seen in training').waitFor();
    equal(await page.getByRole('button', { name: 'Accept on the grounds of old-set' }).count(), 0);
    await page.getByRole('button', { name: 'Accept on the grounds of ours-2026' }).click();
    const sign = page.getByRole('dialog');
    await sign.getByLabel('What you accept').fill('Second reader for adults, never alone');
    equal(await sign.getByRole('button', { name: 'Sign' }).isDisabled(), true);
    await sign.getByLabel('These are cases of this hospital').check();
    await sign.getByRole('button', { name: 'Sign' }).click();
    await page.getByText('Second reader for adults, never alone').waitFor();
    await page.getByText('Signature holds').waitFor();
    await page.getByRole('button', { name: 'Recall this version' }).click();
    await sign.getByLabel('Reason').fill('misses nodules below 4 mm');
    await sign.getByRole('button', { name: 'Recall this version' }).click();
    await page.getByText('This version was recalled').waitFor();
    await page.getByText('It had given 31 answers.', { exact: false }).waitFor();
    await page.getByRole('heading', { name: 'Studies concerned: 2' }).waitFor();
    await page.getByText('Doe Jane').waitFor();
    await visitor.axe('recalled');
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV, with patients' }).click()]);
    equal(file.suggestedFilename(), 'affected.csv');
    equal(await page.getByRole('link', { name: 'Diagnose with this version' }).count(), 0);
  });

  test('watch: alarms of a live model, acknowledged, drilled, a new reference', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('lin', password);
    await visitor.go('/models');
    await page.getByText('3 alarms').click();
    await page.getByRole('heading', { name: 'Alarms' }).waitFor();
    await page.getByRole('table').first().getByText('Intensity: mean').waitFor();
    await page.getByRole('img', { name: /^Expected accuracy by day/ }).waitFor();
    const cells = page.locator('.watch-grid .watch-alarm');
    await until(async () => (await cells.count()) === 8, 'two days with three alarms each, and the days themselves');
    await visitor.axe('watch');
    await page.getByRole('button', { name: 'Acknowledge: Intensity: mean' }).click();
    const dialog = page.getByRole('dialog');
    equal(await dialog.getByRole('button', { name: 'Acknowledge' }).isDisabled(), true);
    await dialog.getByLabel('Comment').fill('new detector since Monday');
    await dialog.getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByText('new detector since Monday').waitFor();
    await page.getByRole('button', { name: 'Start the drill' }).click();
    await page.getByText('The change is noticed on day 1.', { exact: false }).waitFor();
    await page.getByLabel('Amount').fill('0.005');
    await page.getByRole('button', { name: 'Start the drill' }).click();
    await page.getByText('The change is not noticed.', { exact: false }).waitFor();
    await page.getByRole('button', { name: 'Change the reference' }).click();
    await dialog.getByLabel('Reason').fill('the new detector is approved');
    await dialog.getByRole('button', { name: 'Change the reference' }).click();
    await page.getByText('the new detector is approved', { exact: false }).waitFor();
    await page.getByText('Not judged at present', { exact: true }).waitFor();   // no day yet with the new reference
    await visitor.go('/models/lung-nodule-ct/1?tab=watch');
    await page.getByText('None yet: the bundle of this version carries none', { exact: false }).waitFor();
    await page.getByText('No answers yet', { exact: false }).waitFor();
  });

  test('audit: verified, filtered, paged, and one entry in full', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('moreau', password, totpCode);
    await page.getByText('The chain is whole').waitFor();
    const first = await page.locator('tbody tr').first().textContent();
    await page.getByRole('button', { name: 'Older' }).click();
    await page.getByText('Page 2').waitFor();
    await until(async () => (await page.locator('tbody tr').first().textContent()) !== first, 'another page');
    await page.getByLabel('Event').fill('model.promote');
    await until(async () => { const events = await page.locator('tbody tr td:nth-child(5)').allTextContents(); return events.length > 0 && events.every((event) => event === 'model.promote'); }, 'only promotions');
    await page.locator('tbody tr').first().click();
    await page.getByRole('dialog').getByText('Request', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByLabel('Event').fill('no.such.event');
    await page.getByText('No entries match').waitFor();
  });

  test('users: add, change roles, disable and take it back, reset, delete', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('admin', password);
    await visitor.go('/users');
    await page.getByRole('button', { name: 'Add user' }).click();
    await page.getByRole('dialog').getByLabel('User name').fill('novak');
    await page.getByRole('dialog').getByLabel('First password').fill('short');
    await page.getByRole('button', { name: 'Create user' }).click();
    await page.getByRole('dialog').getByText('At least 12 characters').waitFor();
    await page.getByRole('dialog').getByLabel('First password').fill('a longer pass phrase');
    await page.getByRole('button', { name: 'Create user' }).click();
    await page.getByText('User novak created').waitFor();
    const user = () => mock.state.users.find((u) => u.name === 'novak');
    const menu = async (item) => { await page.getByRole('button', { name: 'Actions for novak' }).click(); await page.getByRole('menuitem', { name: item }).click(); };
    await menu('Change roles');
    await page.getByRole('dialog').getByLabel('Auditor').check();
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByText('Roles of novak changed').waitFor();
    equal([...user().roles].sort(), ['auditor', 'clinician']);
    await menu('Disable');
    await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click();
    await page.getByText('novak is disabled').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await until(() => user().disabled === false, 'enabled again');
    await menu('Delete');
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('novak deleted').waitFor();
    check(!user(), 'gone');
  });

  test('users: an API token is shown once and can be revoked', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('admin', password);
    await visitor.go('/users');
    await page.getByRole('tab', { name: 'API tokens' }).click();
    await page.getByRole('button', { name: 'New token' }).click();
    await page.getByRole('dialog').getByLabel('What it is for').fill('nightly check');
    await page.getByRole('dialog').getByLabel('models:read').check();
    await page.getByRole('button', { name: 'Create token' }).click();
    check(/^aceso_/.test((await page.getByTestId('new-token').textContent()) ?? ''), 'the token is shown');
    await page.getByRole('button', { name: 'I have copied it' }).click();
    equal(await page.getByTestId('new-token').count(), 0);
    const row = page.getByRole('row', { name: /nightly check/ });
    await row.getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await row.waitFor({ state: 'detached' });
  });

  test('account: one-time codes are enrolled by a code drawn here', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/account');
    await page.getByRole('button', { name: 'Set up' }).click();
    await page.getByRole('img', { name: /QR code/ }).waitFor();
    await page.getByText('JBSW Y3DP', { exact: false }).waitFor();
    await page.getByRole('dialog').locator('input[autocomplete=one-time-code]').first().pressSequentially(totpCode);
    await page.getByText('One-time codes are on').waitFor();
    await page.getByRole('button', { name: 'Turn off' }).click();
    await page.getByRole('dialog').getByLabel('Present password').fill(password);
    await page.getByRole('dialog').getByRole('button', { name: 'Turn off' }).click();
    await page.getByText('One-time codes are off').waitFor();
  });

  test('language and theme change at once and are remembered', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/account');
    await page.locator('#content').getByText('中文').click();
    await page.getByRole('heading', { name: '您的账户' }).waitFor();
    await page.locator('#content').getByText('阅片室').click();
    equal(await page.locator('html').getAttribute('data-mantine-color-scheme'), 'dark');
    await visitor.go('/models');
    await page.getByRole('heading', { name: '模型', exact: true }).waitFor();
    equal(await page.locator('html').getAttribute('lang'), 'zh-Hans');
    equal(await page.locator('html').getAttribute('data-mantine-color-scheme'), 'dark');
  });

  test('the skip link leads to the content', async (visit) => {
    const visitor = await visit();
    await visitor.signIn('okafor', password);
    await visitor.go('/models');
    await visitor.page.keyboard.press('Tab');
    await visitor.page.keyboard.press('Enter');
    equal(await visitor.page.evaluate(() => document.activeElement?.id), 'content');
  });

  test('a node that fails says so, with the request to quote', async (visit) => {
    const visitor = await visit();
    await visitor.signIn('okafor', password);
    await visitor.page.route('**/api/v1/models', (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ title: 'internal', status: 500, detail: 'catalogue is locked', code: 'internal', request_id: 'abc123' }) }));
    await visitor.go('/models');
    await visitor.page.getByText('Catalogue is locked.', { exact: false }).waitFor();
    await visitor.page.getByText('Request abc123').waitFor();
    await visitor.page.unroute('**/api/v1/models');
    await visitor.page.getByRole('button', { name: 'Try again' }).click();
    await visitor.page.getByRole('heading', { name: 'pneumonia-chest-xray' }).waitFor();
  });
}
