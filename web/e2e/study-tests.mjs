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
    await analysed.nth(1).getByText('Not analysed').waitFor();
    await analysed.nth(1).getByText('No rule applies to this series.').waitFor();
    await page.getByText('Chest PA, prior').click();
    await page.getByRole('heading', { name: 'Wang, XiaoDong (王小东)' }).waitFor();
    await page.getByText('OLD-1').waitFor();
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
}
