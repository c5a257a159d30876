// Labelling by two readers and an adjudicator against the mock node.
import { check, equal, test, until } from './harness.mjs';
import { password } from './mock-server/data.mjs';

export function labellingTests(mock) {
  const place = (page, text) => page.getByTestId('place').getByText(text, { exact: true }).waitFor();
  const ready = (page) => page.locator('.label-frame[data-ready=true]').waitFor();
  const projectOf = (id) => mock.state.labelling.find((made) => made.id === id);

  test('labelling: a reader works by keys, goes back, changes an answer, and resumes where it stopped', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await visitor.signIn('okafor', password);
    await page.locator('nav').getByText('Labelling').click();
    const card = page.getByRole('region', { name: 'nodule-shape', exact: true });
    await card.getByRole('link', { name: 'Start reading' }).click();
    await place(page, '1 of 24');
    await ready(page);
    await page.keyboard.press(' ');
    await page.getByText('Answer this case first').waitFor();
    await page.keyboard.press('2');
    await page.getByRole('radio', { name: 'spiculated nodule' }).and(page.locator('[aria-checked=true]')).waitFor();
    await page.keyboard.press(' ');
    await place(page, '2 of 24');
    await ready(page);
    await page.keyboard.press('c');
    await page.keyboard.press('1');
    await page.getByRole('radio', { name: 'Cannot tell: Image quality' }).waitFor();
    await page.keyboard.press('Enter');
    await place(page, '3 of 24');
    await page.keyboard.press('u');
    await place(page, '2 of 24');
    await page.keyboard.press('1');
    await page.getByText('Kept as answer 2.').waitFor();
    const said = projectOf('p-reading').answers.okafor;
    equal(Object.values(said).map((a) => a.class), ['smooth nodule', 'spiculated nodule'].sort(), 'kept by the node');
    check(Object.values(said).every((a) => a.duration_ms >= 0 && a.duration_ms < 120_000), 'the time was measured');
    await page.getByLabel('Go on at once after an answer').check();
    await visitor.go('/labelling/p-reading/read');
    await place(page, '3 of 24');
    equal(asked.filter((url) => /adjudication|agreement|labels|samples/.test(url)), [], 'nothing of what others said was asked for');
    equal(await page.getByText(/smooth|spiculated/).count() >= 2, true, 'classes are offered');
  });

  test('labelling: window, zoom and invert by keys and by dragging', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/labelling/p-reading/read');
    await ready(page);
    const readout = () => page.locator('.viewer-readout').textContent();
    const before = await readout();
    check(/W \d{3,} L/.test(before ?? ''), `values of 12 bits: ${before}`);
    await page.keyboard.press(']');
    await until(async () => (await readout()) !== before, 'a wider window');
    await page.keyboard.press('r');
    await until(async () => (await readout()) === before, 'as it was');
    const box = await page.locator('.label-frame').boundingBox();
    check(box !== null, 'the frame is there');
    await page.mouse.move(box.x + 200, box.y + 200);
    await page.mouse.down();
    await page.mouse.move(box.x + 260, box.y + 230, { steps: 4 });
    await page.mouse.up();
    await until(async () => (await readout()) !== before, 'dragged');
    const colour = () => page.locator('.label-frame canvas').evaluate((canvas) => /** @type {HTMLCanvasElement} */ (canvas).getContext('2d')?.getImageData(2, 2, 1, 1).data[0]);
    const dark = await colour();
    await page.keyboard.press('i');
    await until(async () => (await colour()) !== dark, 'inverted');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  });

  test('labelling: both hand in, agreement is shown, the adjudicator decides, the data set is made', async (visit) => {
    mock.state.labelling.find((made) => made.id === 'p-reading').answers = {};
    for (const name of ['admin', 'okafor']) {
      const reader = await visit();
      await reader.signIn(name, password);
      await reader.go('/labelling/p-reading/read');
      await ready(reader.page);
      await reader.page.getByLabel('Go on at once after an answer').check();
      await reader.page.locator('.label-frame').focus();
      for (let n = 1; n <= 24; n += 1) {
        await place(reader.page, `${n} of 24`);
        await ready(reader.page);
        const even = (name === 'admin' ? n - 1 : 24 - n) % 2 === 0;
        await reader.page.keyboard.press(even || (name === 'okafor' && n === 3) ? '1' : '2');
        await reader.page.getByRole('status').getByText(`${n} of 24 answered`).waitFor();
      }
      await reader.page.getByRole('button', { name: 'Hand in' }).click();
      await reader.page.getByRole('dialog').getByRole('button', { name: 'Hand in' }).click();
      if (name === 'admin') await reader.page.getByText('Reading goes on').waitFor();
      else await reader.page.getByTestId('kappa').waitFor();
    }
    const made = projectOf('p-reading');
    equal(made.state, 'adjudication', 'after both');
    made.adjudicator.name = 'admin';
    made.readers[0].name = 'second';
    made.answers.second = made.answers.admin;
    delete made.answers.admin;
    const judge = await visit();
    const { page } = judge;
    await judge.signIn('admin', password);
    await judge.go('/labelling/p-reading');
    await page.getByText('You adjudicate: agreement and who said what').waitFor();
    equal(await page.getByTestId('kappa').count(), 0, 'hidden from the adjudicator');
    await page.getByRole('button', { name: 'Make the data set' }).click();
    check(await page.getByRole('dialog').getByRole('button', { name: 'Make the data set' }).isDisabled(), 'not before the disagreement is decided');
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Adjudicate (1)' }).click();
    await page.getByRole('region', { name: 'What the readers said' }).waitFor();
    check(!/okafor|second/.test((await page.locator('main').textContent()) ?? ''), 'readers are not named');
    await ready(page);
    await judge.shot('adjudicate');
    await page.keyboard.press('b');
    await page.getByText('Every disagreement is decided').waitFor();
    await page.getByRole('link', { name: 'nodule-shape' }).click();
    await page.getByRole('button', { name: 'Make the data set' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Make the data set' }).click();
    await page.getByText('Made: lung-nodules@3').waitFor();
    await page.getByTestId('kappa').waitFor();
  });

  test('labelling: a project is made; what is wrong is said', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('lin', password);
    await visitor.go('/labelling');
    await page.getByRole('button', { name: 'New project' }).click();
    const dialog = page.getByRole('dialog', { name: 'New project' });
    await dialog.getByRole('button', { name: 'Create project' }).click();
    await dialog.getByText('Two readers or more').waitFor();
    await visitor.shot('new-project');
    await visitor.axe('new project');
    await dialog.getByRole('textbox', { name: 'Name' }).fill('second-look');
    await dialog.getByRole('textbox', { name: 'Data set' }).click();
    await page.getByRole('option').first().click();
    const readers = dialog.getByRole('textbox', { name: 'Readers' });
    for (const name of ['okafor', 'nobody']) { await readers.fill(name); await readers.press('Enter'); }
    await dialog.getByRole('textbox', { name: 'Adjudicator' }).fill('moreau');
    await dialog.getByRole('button', { name: 'Create project' }).click();
    await dialog.getByText('There is no account nobody', { exact: false }).waitFor();
    await readers.press('Backspace');
    await readers.fill('haddad');
    await readers.press('Enter');
    await dialog.getByRole('button', { name: 'Create project' }).click();
    await page.getByRole('heading', { name: /second-look/ }).waitFor();
    await page.getByText('Reading goes on').waitFor();
  });

  // Points of the image as points of the screen.
  async function at(page, x, y) {
    const box = await page.locator('.label-frame canvas').boundingBox();
    check(box !== null, 'the image is there');
    return [box.x + (x / 160) * box.width, box.y + (y / 160) * box.height];
  }
  async function drag(page, from, to) {
    await page.mouse.move(...(await at(page, ...from)));
    await page.mouse.down();
    await page.mouse.move(...(await at(page, ...to)), { steps: 5 });
    await page.mouse.up();
  }
  const near = (a, b, slack = 1.5) => a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) <= slack);

  test('labelling: boxes are drawn, moved, resized, named, removed, undone, kept and found again', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/labelling/p-boxes/read');
    await place(page, '1 of 12');
    await ready(page);
    const boxes = () => page.locator('[data-box]').count();
    await page.keyboard.press(' ');
    await page.getByText('Draw something, or press N').waitFor();
    await drag(page, [30, 40], [70, 90]);
    await until(async () => (await boxes()) === 1, 'a box');
    await page.keyboard.press('2');
    await page.locator('[data-box=vessel]').waitFor();
    await drag(page, [50, 60], [60, 65]);
    await drag(page, [80, 95], [100, 110]);
    await page.getByText('60 × 65').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('1');
    await drag(page, [110, 20], [130, 40]);
    await until(async () => (await boxes()) === 2, 'two boxes');
    await page.keyboard.press('Delete');
    await until(async () => (await boxes()) === 1, 'removed');
    await page.keyboard.press('z');
    await until(async () => (await boxes()) === 2, 'undone');
    await page.keyboard.press('y');
    await until(async () => (await boxes()) === 1, 'redone');
    await page.keyboard.press('z');
    await visitor.shot('boxes');
    await visitor.axe('boxes drawn');
    await page.keyboard.press('f');
    await page.keyboard.press(' ');
    await place(page, '2 of 12');
    const kept = projectOf('p-boxes').answers.okafor[11].objects;
    equal(kept.map((o) => o.class).sort(), ['nodule', 'vessel'], 'kept with classes');
    const vessel = kept.find((o) => o.class === 'vessel').box;
    check(near(vessel, [40, 45, 100, 110]), `moved by 10, 5 and resized: ${vessel}`);
    await ready(page);
    await page.keyboard.press('n');
    await place(page, '3 of 12');
    equal(projectOf('p-boxes').answers.okafor[10].objects, [], 'nothing there');
    await page.keyboard.press('u');
    await page.keyboard.press('u');
    await place(page, '1 of 12');
    await until(async () => (await boxes()) === 2, 'found again');
    await page.keyboard.press('h');
    await until(async () => (await boxes()) === 0, 'hidden');
  });

  test('labelling: outlines by polygon, brush and eraser', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('okafor', password);
    await visitor.go('/labelling/p-outlines/read');
    await ready(page);
    for (const [x, y] of [[40, 40], [80, 40], [80, 80], [40, 80]]) await page.mouse.click(...(await at(page, x, y)));
    await page.keyboard.press('Enter');
    await page.locator('[data-outline=nodule]').waitFor();
    const pixels = async () => Number(/([\d,]+) pixels/.exec((await page.getByRole('region', { name: 'Drawn' }).textContent()) ?? '')?.[1]?.replace(',', ''));
    const polygon = await pixels();
    check(Math.abs(polygon - 1600) < 120, `a square of 40 by 40: ${polygon}`);
    await page.keyboard.press('p');
    await drag(page, [80, 60], [100, 60]);
    await until(async () => (await pixels()) > polygon, 'the brush adds to the chosen outline');
    const brushed = await pixels();
    await page.keyboard.press('e');
    await drag(page, [45, 60], [60, 60]);
    await until(async () => (await pixels()) < brushed, 'the eraser takes away');
    await page.keyboard.press('Escape');
    await page.keyboard.press('2');
    await page.keyboard.press('p');
    await drag(page, [120, 120], [130, 125]);
    await page.locator('[data-outline=vessel]').waitFor();
    await visitor.shot('outlines');
    await page.keyboard.press('z');
    await until(async () => (await page.locator('[data-outline]').count()) === 1, 'undone');
    await page.keyboard.press('y');
    await page.getByRole('button', { name: /Keep, next/ }).click();
    await place(page, '2 of 12');
    const kept = projectOf('p-outlines').answers.okafor[11].objects;
    equal(kept.map((o) => o.class), ['nodule', 'vessel'], 'two outlines');
    check(kept[0].runs.length > 40 && kept[0].runs.every((value) => Number.isInteger(value)), 'as runs');
    await page.keyboard.press('u');
    await until(async () => (await page.locator('[data-outline]').count()) === 2, 'found again');
    await page.keyboard.press('c');
    await page.keyboard.press('2');
    await place(page, '2 of 12');
    equal(projectOf('p-outlines').answers.okafor[11].cannot_tell, 'not_shown', 'cannot tell after all');
  });

  test('labelling: the adjudicator takes what A or B drew, or draws', async (visit) => {
    const visitor = await visit();
    const { page } = visitor;
    await visitor.signIn('admin', password);
    await visitor.go('/labelling/p-boxes-queue/adjudicate');
    await place(page, '1 of 2');
    await ready(page);
    equal(await page.locator('[data-box]').count(), 2, 'both are shown');
    await page.keyboard.press('a');
    await until(async () => (await page.locator('[data-box]').count()) === 3, 'taken');
    await visitor.shot('boxes-adjudicate');
    await page.keyboard.press('Enter');
    await place(page, '2 of 2');
    await ready(page);
    await drag(page, [90, 60], [120, 90]);
    await page.keyboard.press('Enter');
    await page.getByText('Every disagreement is decided').waitFor();
    const decided = Object.values(projectOf('p-boxes-queue').answers.admin);
    equal(decided.map((a) => a.objects.length), [1, 1], 'kept');
  });
}
