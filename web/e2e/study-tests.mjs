// The archive's pages against the mock node.
import { check, equal, test, until } from './harness.mjs';
import { password } from './mock-server/data.mjs';

const dicomFile = (name) => ({ name, mimeType: 'application/dicom', buffer: Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), Buffer.alloc(3000)]) });

export function studyTests(mock) {
  const rows = (page) => page.locator('tbody tr');
  const names = (page) => page.locator('tbody tr a.row-link').allTextContents();
  const status = (page, text) => page.getByRole('status').getByText(text, { exact: true }).waitFor();

  test('studies: searched by name and number, sorted, paged; no search key reaches an address', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    const addresses = [];
    page.on('request', (request) => addresses.push(request.url()));
    await visitor.signIn('okafor', password);
    await page.locator('nav').getByText('Studies').click();
    await status(page, `Studies: ${mock.state.studies.length}`);
    equal(await rows(page).count(), 50, 'rows of the first page');
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText(`51–${mock.state.studies.length} of ${mock.state.studies.length}`).waitFor();
    await until(async () => (await rows(page).count()) === mock.state.studies.length - 50, 'the second page is short');
    await page.keyboard.press('/');
    await page.keyboard.type('xiaodong wang');
    await status(page, 'Matching studies: 2');
    await until(async () => (await names(page)).every((name) => name === 'Wang, XiaoDong (王小东)'), 'only Wang is listed');
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByLabel('Patient', { exact: true }).fill('m4000');
    await status(page, 'Matching studies: 10');
    await page.getByLabel('Accession number').fill('A7004');
    await status(page, 'Matching studies: 1');
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByRole('button', { name: 'Patient' }).click();
    await until(async () => { const list = await names(page); return list[0] === [...list].sort((a, b) => a.localeCompare(b))[0] && list.length === 50; }, 'sorted by name');
    equal(await page.getByRole('columnheader', { name: 'Patient' }).getAttribute('aria-sort'), 'ascending');
    check(!addresses.some((url) => /wang|xiaodong|M4000|A7004/i.test(decodeURIComponent(url))), 'search keys in an address');
    equal(new URL(page.url()).search + new URL(page.url()).hash, '', 'the page address holds no key');
  });

  test('studies: nothing that matches is said, and rows are walked by keyboard', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/studies');
    await page.getByLabel('Patient', { exact: true }).fill('nobody of that name');
    await page.getByText('No study matches').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await rows(page).first().waitFor();
    await page.locator('tbody a').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const chosen = await page.evaluate(() => document.activeElement?.getAttribute('href'));
    equal(chosen, await page.locator('tbody a').nth(2).getAttribute('href'), 'focus');
    await page.keyboard.press('Enter');
    await until(() => page.url().endsWith(chosen ?? '?'), 'Enter opens the study');
  });

  test('studies: a link by accession number opens its study and leaves no number in the history', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    for (const link of ['/studies?accession=LINK-1', '/studies#accession=LINK-1']) {
      await visitor.go('/models');
      await visitor.go(link);
      await page.getByRole('heading', { name: 'Wang, XiaoDong (王小东)' }).waitFor();
      check(/\/studies\/[0-9-]+$/.test(page.url()), `the study's own address: ${page.url()}`);
    }
    await visitor.go('/studies?accession=UNHEARD-OF');
    await page.getByText('No study matches').waitFor();
    equal(await page.getByLabel('Accession number').inputValue(), 'UNHEARD-OF', 'the number that was asked for');
    equal(new URL(page.url()).search, '', 'the address');
  });

  test('study: series with pictures, whose it is, earlier studies, and what was analysed', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/studies?accession=LINK-1');
    await page.getByRole('heading', { name: 'Wang, XiaoDong (王小东)' }).waitFor();
    const banner = page.getByRole('region', { name: 'Patient' });
    for (const text of ['M40001 (HOSP)', '4 Mar 1958', 'Male', 'LINK-1', 'Moreau, Claire']) await banner.getByText(text, { exact: false }).waitFor();
    await until(async () => (await page.locator('.thumbnail img').count()) === 2, 'two of three series have a picture');
    check((await page.locator('.thumbnail img').first().getAttribute('src'))?.startsWith('blob:') ?? false, 'pictures are held in memory');
    const analysed = page.getByTestId('analysis-of-series');
    equal(await analysed.count(), 2, 'image series in the analysis panel');
    await analysed.nth(0).getByText('Analysed', { exact: true }).waitFor();
    await analysed.nth(0).getByText('81.0%').first().waitFor();
    await analysed.nth(0).getByText('slice thickness above 2 mm').waitFor();
    await analysed.nth(0).getByText('Of 118 validation images', { exact: false }).waitFor();
    await analysed.nth(1).getByText('Not analysed').waitFor();
    await analysed.nth(1).getByText('No rule applies to this series.').waitFor();
    await page.getByText('Chest PA, prior').click();
    await page.getByRole('heading', { name: 'Wang, XiaoDong (王小东)' }).waitFor();
    await page.locator('dd').getByText('OLD-1').waitFor();
  });

  test('study: a node that reports no analyses says that nothing is known', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await page.route('**/analyses', (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', body: JSON.stringify({ code: 'not_found' }) }));
    await visitor.go('/studies?accession=LINK-1');
    await page.getByText('The state of analysis is not known').waitFor();
    equal(await page.getByText('Not analysed').count(), 0, 'claims about analyses');
  });

  test('studies: each row says what was analysed, and a node that does not report it is not silent', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/studies');
    const row = (accession) => page.getByRole('row').filter({ hasText: accession });
    await row('LINK-1').getByText('Analysed', { exact: true }).waitFor();
    await row('A7002').getByText('Failed').waitFor();
    await row('A7005').getByText('Not applicable').waitFor();
    await row('A7002').click();
    const shown = page.getByTestId('analysis-of-series');
    await shown.getByText('engine').waitFor();
    check(!/vnull|null/.test((await shown.textContent()) ?? ''), 'a model without a version shows none');
    await page.route('**/analyses/states*', (route) => route.fulfill({ status: 404, contentType: 'application/problem+json', body: JSON.stringify({ code: 'not_found' }) }));
    await visitor.go('/studies');
    await row('LINK-1').getByText('Not known').waitFor();
  });

  test('study: asked to analyse again, the state changes', async (visit) => {
    const visitor = await visit();
    await visitor.signIn('okafor', password);
    await visitor.go('/studies?accession=LINK-1');
    await visitor.page.getByRole('button', { name: 'Analyse again' }).click();
    await visitor.page.getByTestId('analysis-of-series').first().getByText('Waiting').waitFor();
    mock.state.studies.find((s) => s.accession === 'LINK-1').again = false;
  });

  test('studies: import tells what was stored and which file was refused and why', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/studies');
    const before = mock.state.stored.length;
    await page.getByRole('button', { name: 'Import images' }).click();
    const dialog = page.getByRole('dialog', { name: 'Import images' });
    await dialog.locator('input[type=file]').setInputFiles([dicomFile('one.dcm'), { name: 'letter.txt', mimeType: 'text/plain', buffer: Buffer.from('words') }, dicomFile('two.dcm')]);
    await dialog.getByText('Files stored: 2. Studies: 2.').waitFor();
    await dialog.getByText('Refused files: 1').waitFor();
    await dialog.getByRole('row', { name: /letter\.txt.*This is not a DICOM file that can be understood/ }).waitFor();
    equal(mock.state.stored.length, before + 2, 'objects stored');
    await dialog.getByRole('button', { name: 'Close' }).last().click();
    await status(page, `Studies: ${mock.state.studies.length}`);
  });

  test('study: deleting asks first, and only who may sees the button', async (visit) => {
    const clinician = await visit();
    await clinician.signIn('okafor', password);
    await clinician.go('/studies?accession=A7010');
    await clinician.page.getByRole('button', { name: 'Add images' }).waitFor();
    equal(await clinician.page.getByRole('button', { name: 'Delete' }).count(), 0, 'delete for a clinician');
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('admin', password);
    await visitor.go('/studies?accession=A7010');
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    check(mock.state.studies.some((s) => s.accession === 'A7010'), 'cancelled, it stays');
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('Study deleted').waitFor();
    check(!mock.state.studies.some((s) => s.accession === 'A7010'), 'it is gone');
    await visitor.go('/studies/1-2-3');
    await page.getByText('There is no such study').waitFor();
  });

  test('study: shared by a link that shows it alone, and taken back', async (visit) => {
    const clinician = await visit();
    await clinician.signIn('okafor', password);
    await clinician.go('/studies?accession=LINK-1');
    await clinician.page.getByRole('button', { name: 'Share' }).click();
    const dialog = clinician.page.getByRole('dialog');
    await dialog.getByText('None yet').waitFor();
    await dialog.getByLabel('For whom').fill('Dr. Moreau');
    await clinician.axe('share');
    await dialog.getByRole('button', { name: 'Make a link' }).click();
    const link = (await dialog.getByTestId('share-link').textContent()) ?? '';
    await dialog.getByText('Dr. Moreau').waitFor();
    await clinician.shot('share');

    for (const [scheme, language] of [['dark', 'en'], ['light', 'zh']]) {
      const guest = await visit({ scheme, language });
      const asked = [];
      guest.page.on('request', (request) => asked.push(new URL(request.url()).pathname));
      await guest.go(link.slice(link.indexOf('/shared')));
      await guest.page.getByRole('heading', { level: 1 }).getByText(/Wang|王小东/).waitFor();
      await guest.page.locator('canvas').first().waitFor();
      equal(new URL(guest.page.url()).hash, '', 'the link leaves the address');
      check(!asked.some((path) => path.startsWith('/dicom-web') || path.startsWith('/api/v1/archive')), `asked for more than is shared: ${asked.join(' ')}`);
      equal(await guest.page.getByRole('link').count(), 0, 'ways to other pages');
      await guest.axe('shared study');
      await guest.shot(`shared-${scheme}-${language}`);
      await guest.page.reload();
      await guest.page.getByRole('heading', { level: 1 }).getByText(/Wang|王小东/).waitFor();
      const phone = await visit({ scheme, language, width: 390, height: 844 });
      await phone.go(link.slice(link.indexOf('/shared')));
      await phone.page.locator('canvas').first().waitFor();
      check(await phone.page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'wider than a phone');
    }
    await dialog.getByRole('button', { name: 'Take back' }).click();
    await clinician.page.getByText('The link was taken back').waitFor();
    await dialog.getByText('Taken back', { exact: true }).waitFor();
    const late = await visit();
    await late.go(link.slice(link.indexOf('/shared')));
    await late.page.getByText('This link does not work').waitFor();
    await late.axe('a link that has ended');
    const auditor = await visit();
    await auditor.go('/shared');
    await auditor.page.getByText('This link does not work').waitFor();
  });

  test('patients: found by name, sorted by number of studies, and led to their studies', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    const addresses = [];
    page.on('request', (request) => addresses.push(request.url()));
    await visitor.signIn('okafor', password);
    await page.locator('nav').getByText('Patients').click();
    await page.getByRole('status').getByText(/^Patients: \d+$/).waitFor();
    await page.getByRole('button', { name: 'Studies' }).click();
    const counts = () => page.locator('tbody tr td:nth-child(6)').allTextContents();
    await until(async () => { const list = (await counts()).map(Number); return (list[0] ?? 0) >= 2 && list.every((n, i) => i === 0 || n <= (list[i - 1] ?? 0)); }, 'most studies first');
    await page.getByLabel('Patient', { exact: true }).fill('wang');
    await status(page, 'Matching patients: 1');
    await rows(page).first().click();
    await page.getByRole('heading', { name: 'Studies (2)' }).waitFor();
    await page.getByText('Chest PA, prior').click();
    await page.getByText('Other studies of this patient').waitFor();
    await page.getByRole('heading', { level: 1 }).getByRole('link').click();
    await page.getByRole('heading', { name: 'Studies (2)' }).waitFor();
    await page.getByRole('link', { name: 'Patients' }).last().click();
    equal(await page.getByLabel('Patient', { exact: true }).inputValue(), 'wang', 'the list as it was left');
    await page.getByLabel('Patient', { exact: true }).fill('nobody at all');
    await page.getByText('No patient matches').waitFor();
    await visitor.go('/patients/1-2-3');
    await page.getByText('There is no such patient').waitFor();
    check(!addresses.some((url) => /wang|nobody|M4000/i.test(decodeURIComponent(url))), 'search keys in an address');
  });

  const stageOf = async (visitor, accession = 'LINK-1') => {
    await visitor.go(`/studies?accession=${accession}`);
    const stage = visitor.page.locator('.stack-stage');
    await visitor.page.locator('.stack-stage[data-ready=true]').waitFor();
    return stage;
  };
  // A point of the image, in pixels, on the screen.
  const pointAt = (page, x, y) => page.evaluate(([ix, iy]) => {
    const box = document.querySelector('.stack-stage').getBoundingClientRect();
    const scale = Number(/(\d+)%/.exec(document.querySelector('[data-testid=stack-window]').textContent)[1]) / 100;
    const fit = Math.min(box.width / 128, box.height / 128);
    const used = Math.abs(scale - fit) < 0.006 ? fit : scale;
    return [box.left + box.width / 2 + (ix - 64) * used, box.top + box.height / 2 + (iy - 64) * used];
  }, [x, y]);
  const greyAt = (page, x, y) => page.evaluate(([px, py]) => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('.stack-stage canvas'));
    const box = canvas.getBoundingClientRect();
    return canvas.getContext('2d').getImageData(Math.round((px - box.left) * (canvas.width / box.width)), Math.round((py - box.top) * (canvas.height / box.height)), 1, 1).data[0];
  }, [x, y]);

  test('viewer: slices at full depth, windowed, scrolled, inverted, by keyboard', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    const stage = await stageOf(visitor);
    equal(await page.getByTestId('stack-position').textContent(), 'Image 12 of 24 · 445.0 mm', 'the middle slice');
    for (const [edge, letter] of [['left', 'R'], ['right', 'L'], ['top', 'A'], ['bottom', 'P']]) equal(await page.locator(`.edge-${edge}`).textContent(), letter, edge);
    const rod = await pointAt(page, 64, 64);
    const body = await pointAt(page, 90, 64);
    await page.mouse.move(rod[0], rod[1]);
    equal((await page.getByTestId('stack-value').textContent())?.trim(), '1120 HU', 'value under the pointer');
    // W 400 L 40: 40 HU is the middle grey, 1120 is white.
    equal(await greyAt(page, rod[0], rod[1]), 255, 'grey of the rod');
    equal(await greyAt(page, body[0], body[1]), 128, 'grey of the body');
    await stage.focus();
    await page.keyboard.press('4');
    await until(async () => (await page.getByTestId('stack-window').textContent())?.startsWith('W 2500 L 480'), 'bone preset');
    const y = Math.round(255 * ((1120 - 479.5) / 2499 + 0.5));
    await until(async () => (await greyAt(page, rod[0], rod[1])) === y, `the rod in the bone window is ${y}`);
    await page.keyboard.press('ArrowDown');
    await until(async () => (await stage.getAttribute('data-index')) === '12', 'the next slice');
    await page.locator('.stack-stage[data-ready=true]').waitFor();
    await page.mouse.move(rod[0] + 1, rod[1]);
    await until(async () => (await page.getByTestId('stack-value').textContent())?.trim() === '1130 HU', 'its own value');
    await page.keyboard.press('i');
    await until(async () => (await greyAt(page, body[0], body[1])) > 140, 'inverted');
    await page.keyboard.press('End');
    await until(async () => (await page.getByTestId('stack-position').textContent())?.startsWith('Image 24 of 24'), 'the last slice');
    await page.mouse.wheel(0, -120);
    await until(async () => Number(await stage.getAttribute('data-index')) < 23, 'the wheel scrolls back');
    await page.keyboard.press('Home');
    await page.keyboard.press('Space');
    await until(async () => Number(await stage.getAttribute('data-index')) > 2, 'cine runs');
    await page.keyboard.press('Space');
    await visitor.shot('viewer');
  });

  test('viewer: ruler and region measure in the body; dragging sets the window', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    const stage = await stageOf(visitor);
    await stage.focus();
    const drag = async (from, to) => {
      const [a, b] = [await pointAt(page, ...from), await pointAt(page, ...to)];
      await page.mouse.move(a[0], a[1]);
      await page.mouse.down();
      await page.mouse.move(b[0], b[1], { steps: 3 });
      await page.mouse.up();
    };
    await page.keyboard.press('m');
    await drag([44, 64], [84, 64]);
    const words = () => page.getByTestId('measurements').textContent();
    const millimetres = Number(/Ruler: ([\d.]+) mm/.exec((await words()) ?? '')?.[1]);
    check(Math.abs(millimetres - 100) < 1.5, `40 pixels of 2.5 mm: ${millimetres}`);
    await page.keyboard.press('r');
    await drag([58, 58], [70, 70]);
    check(/Mean 1120 HU, SD 0, 1120 to 1120/.test((await words()) ?? ''), `the rod alone: ${await words()}`);
    await visitor.shot('viewer-measured');
    await page.keyboard.press('Delete');
    check(!/Region/.test((await words()) ?? ''), 'the region is gone');
    await page.keyboard.press('ArrowDown');
    await until(async () => (await words()) === '', 'measurements belong to their slice');
    await page.keyboard.press('w');
    await drag([64, 64], [84, 64]);
    const width = Number(/W (\d+)/.exec((await page.getByTestId('stack-window').textContent()) ?? '')?.[1]);
    check(width > 420, `dragging to the right widens: ${width}`);
    await page.keyboard.press('z');
    await drag([64, 64], [64, 40]);
    await until(async () => Number(/(\d+)%/.exec((await page.getByTestId('stack-window').textContent()) ?? '')?.[1]) > 700, 'dragging up zooms in');
    await page.keyboard.press('0');
  });

  test('viewer: boxes and outlines are drawn, kept, revised and withdrawn; they lie where they were drawn', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    const stage = await stageOf(visitor);
    mock.state.marks.length = 0;
    const drag = async (...points) => {
      const at = [];
      for (const point of points) at.push(await pointAt(page, ...point));
      await page.mouse.move(...at[0]);
      await page.mouse.down();
      for (const point of at.slice(1)) await page.mouse.move(...point, { steps: 4 });
      await page.mouse.up();
    };
    await stage.focus();
    await page.keyboard.press('b');
    await drag([40, 50], [60, 80]);
    const form = page.getByRole('form', { name: 'New mark' });
    await form.getByText(/Box of (19.5|20|20.5) × (29.5|30|30.5) pixels/).waitFor();
    await form.getByRole('button', { name: 'Save mark' }).click();
    await form.getByText('Fill this in').waitFor();
    equal(mock.state.marks.length, 0, 'nothing without a finding');
    await visitor.axe('a mark that is being made');
    await form.getByLabel('Finding').fill('nodule');
    await form.getByRole('button', { name: 'Save mark' }).click();
    await page.getByText('The mark is kept').first().waitFor();
    await until(() => mock.state.marks.length === 1, 'the node has it');
    const kept = mock.state.marks[0].now;
    check([40, 50, 60, 80].every((value, i) => Math.abs(kept.box[i] - value) <= 1), `drawn at ${kept.box}`);
    equal([kept.finding, kept.frame, kept.runs].join('|'), 'nodule|1|', 'what was sent');
    await stage.focus();
    await page.keyboard.press('o');
    await drag([20, 20], [36, 20], [36, 30], [20, 30]);
    const second = page.getByRole('form', { name: 'New mark' });
    await second.getByText(/Outline of \d+ pixels/).waitFor();
    await second.getByLabel('Finding').fill('effusion');
    await second.getByLabel('Finding').press('Escape');
    await second.getByRole('button', { name: 'Save mark' }).click();
    await until(() => mock.state.marks.length === 2, 'the outline is kept');
    const { runs } = mock.state.marks[1].now;
    const area = runs.filter((_, i) => i % 2 === 1).reduce((a, b) => a + b, 0);
    check(Math.abs(area - 160) <= 30, `16 by 10 pixels: ${area}`);
    check(runs.every((value, i) => i % 2 === 1 || (Math.floor(value / 128) >= 19 && Math.floor(value / 128) <= 30 && value % 128 >= 19 && value % 128 <= 36)), `they lie in the line: ${runs}`);
    await page.locator('.drawn-marks rect[data-mark="nodule"]').waitFor();
    await page.locator('.drawn-marks path[data-mark="effusion"]').waitFor();
    await visitor.shot('viewer-marks');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Revise: nodule, okafor' }).click();
    const revising = page.getByRole('form', { name: 'Revise the mark' });
    await revising.getByLabel('Finding').fill('mass');
    await revising.getByLabel('Finding').press('Escape');
    await revising.getByRole('button', { name: 'Save mark' }).click();
    await until(() => mock.state.marks[0].now.finding === 'mass' && mock.state.marks[0].now.revision === 2, 'revised');
    check(mock.state.marks[0].now.box[0] === kept.box[0], 'its place stays');
    await page.getByRole('button', { name: 'History: mass, okafor' }).click();
    await page.getByText(/revision 1 · nodule/).waitFor();
    await page.getByRole('button', { name: 'Finding of this image' }).click();
    const whole = page.getByRole('form', { name: 'New mark' });
    await whole.getByText('Whole image').waitFor();
    await whole.getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('button', { name: 'Withdraw: effusion, okafor' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Withdraw' }).click();
    await until(() => mock.state.marks[1].now.withdrawn, 'withdrawn');
    await until(async () => (await page.getByTestId('mark').count()) === 1, 'one is left');
    await page.locator('.drawn-marks path[data-mark="effusion"]').waitFor({ state: 'detached' });
    mock.state.marks.length = 0;
  });

  test('viewer: an angle between two arms, in degrees', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    const stage = await stageOf(visitor);
    await stage.focus();
    await page.keyboard.press('g');
    const [a, b, c] = [await pointAt(page, 84, 64), await pointAt(page, 64, 64), await pointAt(page, 64, 44)];
    await page.mouse.move(a[0], a[1]);
    await page.mouse.down();
    await page.mouse.move(b[0], b[1], { steps: 3 });
    await page.mouse.up();
    await page.mouse.move(c[0], c[1], { steps: 3 });
    await page.mouse.click(c[0], c[1]);
    await page.mouse.move(c[0] + 40, c[1] + 40);   // it is finished: what the pointer does now changes nothing
    const degrees = Number(/Angle: ([\d.]+)°/.exec((await page.getByTestId('measurements').textContent()) ?? '')?.[1]);
    check(Math.abs(degrees - 90) < 1.5, `a right angle: ${degrees}`);
    await visitor.shot('viewer-angle');
    await page.keyboard.press('Delete');
    equal(await page.getByTestId('measurements').textContent(), '', 'removed');
  });

  const drawnStudy = '/studies/1-2-826-0-1-3680043-8-498-1900';
  const colorAt = (page, x, y) => page.evaluate(([px, py]) => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector('.stack-stage canvas'));
    const box = canvas.getBoundingClientRect();
    return [...canvas.getContext('2d').getImageData(Math.round((px - box.left) * (canvas.width / box.width)), Math.round((py - box.top) * (canvas.height / box.height)), 1, 1).data].slice(0, 3);
  }, [x, y]);

  test('viewer: what models drew lies over its image and goes with one key; a map of influence is asked for', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go(drawnStudy);
    const stage = page.locator('.stack-stage');
    await page.locator('.stack-stage[data-ready=true]').waitFor();
    await stage.focus();
    const [x, y] = await pointAt(page, 90, 64);
    const [left, top] = await pointAt(page, 40, 64);
    const reddish = async () => { const [r, g] = await colorAt(page, x, y); return r - g > 15; };
    await until(reddish, 'the segment is seen');
    const [r, g, b] = await colorAt(page, left, top);
    check(r === g && g === b, 'beside it the image is grey');
    equal(await page.getByTestId('ai-words').textContent(), 'Looked here: nodule, probability 0.81');
    check(await page.getByText('AI, not for primary diagnosis', { exact: true }).first().isVisible(), 'the notice');
    const box = await page.locator('[data-testid=ai-marks] polyline').boundingBox();
    const [ex, ey] = await pointAt(page, 80, 54);
    check(Math.abs(box.x - ex) < 6 && Math.abs(box.y - ey) < 6, 'the ellipse lies around the region');
    await visitor.shot('viewer-ai');
    await page.keyboard.press('a');
    await until(async () => !(await reddish()), 'off by one key');
    equal(await page.locator('[data-testid=ai-marks]').count(), 0, 'and the graphics with it');
    await page.keyboard.press('a');
    await until(reddish, 'and on again');
    await page.keyboard.press('h');
    await page.getByText('gradcam · nodule').waitFor();
    await until(async () => !(await reddish()), 'the map covers the image');
    await visitor.shot('viewer-map');
    await page.keyboard.press('h');
    await until(reddish, 'the map is gone, the segment is not');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await until(async () => !(await reddish()), 'on its own slices only');
  });

  // In a picture of a plane: the colour at a point given from its corner, and how many pixels to the left and right, above and below of it are like it.
  const planeAt = (page, name, x, y) => page.evaluate(([plane, px, py]) => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector(`[data-plane=${plane}] canvas`));
    const { width, height } = canvas;
    const [ix, iy] = [Math.round(Number(px) * width), Math.round(Number(py) * height)];
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
    const grey = (gx, gy) => data[(gy * width + gx) * 4];
    const run = (dx, dy, like) => { let n = 0; let [gx, gy] = [ix, iy]; while (gx >= 0 && gy >= 0 && gx < width && gy < height && like(grey(gx, gy))) { n += 1; gx += dx; gy += dy; } return n; };
    const across = (like) => run(1, 0, like) + run(-1, 0, like) - 1;
    const along = (like) => run(0, 1, like) + run(0, -1, like) - 1;
    return { color: [...data.slice((iy * width + ix) * 4, (iy * width + ix) * 4 + 3)], white: across((g) => g > 250), lit: along((g) => g > 20) };
  }, [name, x, y]);
  const openPlanes = async (visitor) => {
    await visitor.page.locator('.stack-stage').focus();
    await visitor.page.keyboard.press('v');
    await visitor.page.locator('.plane-stage').first().waitFor();
    equal(await visitor.page.locator('.plane-stage').count(), 3, 'planes');
  };
  const positions = (page) => Promise.all(['axial', 'coronal', 'sagittal'].map(async (name) => (await page.getByTestId(`plane-position-${name}`).textContent())?.trim()));

  test('planes: a CT in three directions, linked by a cross-hair, in the body\'s proportions', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await stageOf(visitor);
    await openPlanes(visitor);
    equal((await positions(page)).join(), 'H 445.0 mm,A 2.5 mm,R 2.5 mm', 'from the slice that was looked at');
    equal(await page.getByTestId('planes-cross').textContent(), 'R 2.5 · A 2.5 · H 445.0 · 1120 HU', 'the value under the cross-hair');
    for (const [plane, letters] of [['axial', 'A P R L'], ['coronal', 'H F R L'], ['sagittal', 'H F A P']]) {
      equal((await page.locator(`.plane-${plane} .edge`).allTextContents()).join(' '), letters, plane);
    }
    // A rod of 60 mm in a volume 120 mm high: in the coronal plane half as wide as the volume is high, in the axial one as wide as high.
    await until(async () => { const { white, lit } = await planeAt(page, 'coronal', 0.5, 0.5); return lit > 40 && Math.abs(white / lit / 0.5 - 1) < 0.05; }, 'coronal proportions');
    await until(async () => { const { white, lit } = await planeAt(page, 'sagittal', 0.5, 0.5); return lit > 40 && Math.abs(white / lit / 0.5 - 1) < 0.05; }, 'sagittal proportions');
    equal((await planeAt(page, 'axial', 0.72, 0.5)).color[0], 128, '40 HU in a window of 400 about 40');
    const coronal = page.locator('[data-plane=coronal]');
    const box = await coronal.boundingBox();
    check(box !== null, 'a stage');
    const { lit } = await planeAt(page, 'coronal', 0.5, 0.5);   // 120 mm
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2 - lit / 4);
    const [axial, , sagittal] = await positions(page);
    check(Math.abs(Number(/H ([\d.]+)/.exec(axial ?? '')?.[1]) - (442.5 + 30)) <= 5 && /(R 2\.5|L 0\.0|R 0\.0)/.test(sagittal ?? ''), `the axial plane follows the click: ${axial}, ${sagittal}`);
    await coronal.focus();
    await page.keyboard.press('ArrowDown');
    equal((await positions(page))[1], 'P 0.0 mm', 'the next plane to the back');
    await page.keyboard.press('Home');
    equal((await positions(page))[1], 'A 160.0 mm', 'the first at the face');
    await page.keyboard.press('End');
    equal((await positions(page))[1], 'P 157.5 mm', 'the last at the back');
    await page.locator('[data-plane=axial]').focus();
    await page.keyboard.press('Home');
    equal((await positions(page))[0], 'H 500.0 mm', 'the first at the head');
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.wheel(0, -120);
    await until(async () => (await positions(page))[1] !== 'P 157.5 mm', 'the wheel scrolls the plane under it');
    await page.keyboard.press('4');
    equal(await page.getByTestId('planes-window').textContent(), 'W 2500 L 480', 'one window for all');
    await page.keyboard.press('x');
    equal(await page.locator('.plane-lines').count(), 0, 'the cross-hair hidden');
    await page.keyboard.press('x');
    await page.getByRole('slider', { name: 'Sagittal' }).focus();
    await page.keyboard.press('Home');
    equal((await positions(page))[2], 'R 160.0 mm', 'a slider for each');
    check(await page.getByText('Interpolated linearly between voxels, in millimetres').isVisible(), 'how it was made');
    await visitor.shot('planes');
    await page.locator('[data-plane=axial]').focus();
    await page.keyboard.press('v');
    await page.locator('.stack-stage[data-ready=true]').waitFor();
    equal(await page.locator('.stack-stage').getAttribute('data-index'), '0', 'back at the slice of the cross-hair');
  });

  test('planes: what models drew lies over all three and goes with one key', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go(drawnStudy);
    await page.locator('.stack-stage[data-ready=true]').waitFor();
    await openPlanes(visitor);
    // The disk lies around column 90, row 64 of slices 12 and 13: 65 mm to the left, 5 mm deep on either.
    const axial = page.locator('[data-plane=axial]');
    const box = await axial.boundingBox();
    check(box !== null, 'a stage');
    const scale = Math.min(box.width, box.height) / 320;
    await page.mouse.click(box.x + box.width / 2 + 65 * scale, box.y + box.height / 2);
    const reddish = async (name, x = 0.5, y = 0.5) => { const { color: [r, g] } = await planeAt(page, name, x, y); return r - g > 15; };
    await until(() => reddish('axial', 0.5 + (65 * scale) / box.width), 'in the axial plane');
    const small = await page.locator('[data-plane=coronal]').boundingBox();
    check(small !== null, 'a stage');
    const wide = Math.min(small.width / 320, small.height / 120);
    await until(() => reddish('coronal', 0.5 + (65 * wide) / small.width, 0.5), 'in the coronal plane');
    await until(() => reddish('sagittal', 0.5, 0.5), 'in the sagittal plane');
    check(!(await reddish('coronal', 0.5 + (65 * wide) / small.width, 0.5 - (15 * wide) / small.height)), 'not three slices higher');
    check(await page.getByText('AI, not for primary diagnosis', { exact: true }).first().isVisible(), 'the notice');
    await visitor.shot('planes-ai');
    await axial.focus();
    await page.keyboard.press('a');
    for (const name of ['axial', 'coronal', 'sagittal']) await until(async () => !(await reddish(name, name === 'sagittal' ? 0.5 : name === 'axial' ? 0.5 + (65 * scale) / box.width : 0.5 + (65 * wide) / small.width)), `off in the ${name} plane`);
    check(!(await page.locator('.mpr').getByText('AI, not for primary diagnosis', { exact: true }).count()), 'and the notice with it');
    await page.keyboard.press('a');
    await until(() => reddish('sagittal'), 'and on again');
  });

  for (const [scheme, language] of [['light', 'en'], ['dark', 'en'], ['light', 'zh'], ['dark', 'zh']]) {
    test(`planes: nothing for axe to find, ${scheme} ${language}; what is no volume says why`, async (visit) => {
      const visitor = await visit({ scheme, language });
      const { page } = visitor;
      await visitor.signIn('okafor', password);
      await stageOf(visitor);
      await openPlanes(visitor);
      await visitor.axe('planes');
      await visitor.shot(`planes-${scheme}-${language}`);
      await page.locator('[data-plane=axial]').focus();
      await page.keyboard.press('v');
      await page.getByRole('button', { name: /Mediastinum/ }).click();
      await page.locator('.stack-stage[data-ready=true]').waitFor();
      await page.getByRole('button', { name: /\(V\)/ }).click();
      const words = (await page.locator('.mpr [role=alert]').textContent()) ?? '';
      check(/About 3 slices are missing: most lie 5\.0 mm apart, some 20\.0 mm|约缺少 3 层/.test(words), words);
      await visitor.axe('no volume');
      await page.locator('.mpr').getByRole('button').click();
      await page.locator('.stack-stage[data-ready=true]').waitFor();
    });
  }

  test('planes: progress while they load, an image that does not come is said and asked for again; on a phone too', async (visit) => {
    const visitor = await visit({ width: 390, height: 844 });
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    let broken = true;
    let passing = 3;
    let waiting = 0;
    let release = () => undefined;
    const held = new Promise((resolve) => { release = () => { resolve(undefined); }; });
    await page.route('**/frames/*', async (route) => {
      if (passing > 0) { passing -= 1; return route.fallback(); }
      waiting += 1;
      await held;
      return (broken ? route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ code: 'data_loss', detail: 'the record does not fit its checksum' }) }) : route.fallback()).catch(() => undefined);   // called back meanwhile
    });
    await page.goto(`${visitor.origin}/studies?accession=LINK-1`);   // not go(): it would wait for the slices that are held
    await page.locator('.stack-stage[data-ready=true]').waitFor();
    await until(() => waiting >= 3, 'three slices have come, the next are asked for');
    await page.locator('.stack-stage').focus();
    await page.keyboard.press('v');
    await page.getByRole('progressbar', { name: 'Images loaded: 3 of 24' }).waitFor();
    release();
    await page.getByText('The planes cannot be shown').waitFor();
    broken = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('.plane-stage').first().waitFor();
    check(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'wider than a phone');
    await visitor.shot('planes-phone');
  });

  test('study: a prior beside it scrolls along, and by itself when it is let go', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    const stage = await stageOf(visitor);
    await page.getByRole('button', { name: 'Compare' }).first().click();
    await until(async () => (await page.locator('.stack-stage[data-ready=true]').count()) === 2, 'two viewers');
    const at = () => page.locator('.stack-stage').evaluateAll((all) => all.map((one) => Number(one.getAttribute('data-index'))));
    const [a, b] = await at();
    await stage.first().focus();
    for (let n = 0; n < 3; n += 1) await page.keyboard.press('ArrowDown');
    await until(async () => (await at()).join() === [a + 3, b + 3].join(), 'both moved');
    await page.locator('.stack-stage').nth(1).focus();
    await page.keyboard.press('ArrowUp');
    await until(async () => (await at()).join() === [a + 2, b + 2].join(), 'the prior leads too');
    await visitor.shot('study-prior');
    await visitor.axe('prior');
    await page.getByRole('switch', { name: 'Linked' }).click();
    await page.locator('.stack-stage').nth(1).focus();
    await page.keyboard.press('ArrowUp');
    await until(async () => (await at()).join() === [a + 2, b + 1].join(), 'alone');
    await page.getByRole('button', { name: 'Close the prior study' }).click();
    equal(await page.locator('.stack-stage').count(), 1, 'one viewer again');
  });

  test('worklist: positive and urgent first, opened by keyboard, brought up to date by the node', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    const mine = mock.state.studies.find((s) => s.accession === 'AI-1');
    delete mine.judgement;
    await visitor.signIn('okafor', password);
    await page.locator('nav').getByText('Worklist').click();
    await rows(page).first().waitFor();
    const ranks = () => page.locator('tbody tr').evaluateAll((all) => all.map((row) => row.getAttribute('data-rank')));
    equal((await ranks()).join(), 'positive,positive,failed', 'order');
    check(/Urgent/.test((await rows(page).first().textContent()) ?? ''), 'urgency');
    check(/96 had it/.test((await rows(page).first().textContent()) ?? ''), 'uncertainty beside the number');
    await visitor.shot('worklist');
    await until(() => mock.state.archiveStreams.size > 0, 'the page listens');
    mine.judgement = { agree: true, finding: 'nodule', comment: '', by: 'okafor', report: '1', revision: 1, at: new Date().toISOString() };
    mock.state.archiveChanged(mine.study_uid);
    await until(async () => (await ranks()).join() === 'positive,failed,judged', 'moved without being asked');
    delete mine.judgement;
    await rows(page).first().locator('a').focus();
    await page.keyboard.press('Enter');
    await until(() => /\/studies\/[0-9-]+$/.test(page.url()), 'opens the study');
  });

  test('study: agreed with and corrected', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    const mine = mock.state.studies.find((s) => s.accession === 'AI-1');
    delete mine.judgement;
    await visitor.signIn('okafor', password);
    await visitor.go(drawnStudy);
    await page.getByRole('button', { name: 'Agree' }).click();
    await page.getByText('Agreed: nodule').waitFor();
    equal(mine.judgement.agree, true);
    await page.getByRole('button', { name: 'Correct' }).click();
    await page.getByText('Not nodule, but normal.').waitFor();
    await page.getByLabel('Comment').fill('calcified');
    await visitor.shot('study-correct');
    await visitor.axe('correction');
    await page.getByRole('button', { name: 'Save correction' }).click();
    await page.getByText('Corrected: normal').waitFor();
    equal(mine.judgement.comment, 'calcified');
    equal(mine.judgement.revision, 2);
    delete mine.judgement;
  });

  test('studies: the table fits 1440 pixels', async (visit) => {
    const visitor = await visit({ width: 1440, height: 900 });
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/studies');
    await rows(page).first().waitFor();
    const [scroll, client] = await page.locator('.scroll-x').first().evaluate((element) => [element.scrollWidth, element.clientWidth]);
    check(scroll <= client, `scrolls sideways: ${scroll} > ${client}`);
    await visitor.shot('studies-1440');
  });

  test('viewer: says what is lossy and what is not calibrated in the patient; a series without images is no blank', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await stageOf(visitor, 'A7003');
    await page.getByText('Lossy 10:1').waitFor();
    await page.getByText('Lengths are at the detector').waitFor();
    equal(await page.locator('.edge-bottom').textContent(), 'F', 'letters of Patient Orientation');
    equal(await page.getByRole('button', { name: 'Presets' }).count(), 0, 'presets of CT on a radiograph');
    await stageOf(visitor);
    await page.getByRole('button', { name: /AI findings/ }).click();
    await page.getByText('This series holds no images.', { exact: false }).waitFor();
  });

  test('viewer: an image that does not come is said, and asked for again', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    let broken = true;
    await page.route('**/frames/*', (route) => (broken ? route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ code: 'data_loss', detail: 'the record does not fit its checksum' }) }) : route.fallback()));
    await visitor.go('/studies?accession=LINK-1');
    await page.getByText('This image cannot be shown').waitFor();
    await page.getByText('The record does not fit its checksum.', { exact: false }).waitFor();
    broken = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('.stack-stage[data-ready=true]').waitFor();
  });
}
