import { expect, test } from 'vitest';
import { csvOf } from '../src/lib/csv';

test('cells are quoted where they must be, and no cell is a formula', () => {
  expect(csvOf(['a', 'b'], [['1,2', 'say "x"'], ['=1+1', '-5'], ['Roe^R', 'line\nbreak']])).toBe('a,b\r\n"1,2","say ""x"""\r\n\'=1+1,\'-5\r\nRoe^R,"line\nbreak"\r\n');
});
