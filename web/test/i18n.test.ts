import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dictionaries, hasKey, translate } from '../src/i18n';

function leaves(node: unknown, path = ''): [string, string][] {
  if (typeof node === 'string') return [[path, node]];
  return Object.entries(node as Record<string, unknown>).flatMap(([key, value]) => leaves(value, path ? `${path}.${key}` : key));
}
const variables = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
const files = (folder: string): string[] => readdirSync(folder).flatMap((name) => {
  const path = join(folder, name);
  return statSync(path).isDirectory() ? files(path) : /\.tsx?$/.test(name) ? [path] : [];
});

const en = new Map(leaves(dictionaries.en));
const zh = new Map(leaves(dictionaries.zh));

describe('the two dictionaries', () => {
  it('have the same keys', () => {
    expect([...zh.keys()].sort()).toEqual([...en.keys()].sort());
  });
  it('use the same variables under each key', () => {
    for (const [key, text] of en) expect(variables(zh.get(key) ?? ''), key).toEqual(variables(text));
  });
  it('hold no empty text, and Chinese where words are to be read', () => {
    const same = new Set(['app.name', 'models.auroc', 'models.figures.auroc', 'models.figures.auprc', 'models.figures.f1']);
    for (const [key, text] of zh) {
      expect(text.trim(), key).not.toBe('');
      if (!same.has(key)) expect(/[\u4e00-\u9fff]/.test(text), `${key}: ${text}`).toBe(true);
    }
  });
  it('define every key that the source asks for, and the source asks for every key', () => {
    const source = files(join(__dirname, '../src')).filter((path) => !/i18n\/(en|zh)\.ts$/.test(path)).map((path) => readFileSync(path, 'utf8')).join('\n');
    const asked = [...source.matchAll(/\bt\(\s*'([a-zA-Z0-9_.-]+)'/g)].map((match) => match[1]!);
    expect(asked.length).toBeGreaterThan(100);
    for (const key of asked) expect(hasKey(key), key).toBe(true);
    const prefixes = [...source.matchAll(/\bmaybe\('([\w.]+)'/g)].map((match) => match[1]!).concat([...source.matchAll(/`([\w.]+)\.\$\{/g)].map((match) => match[1]!));
    const unused = [...en.keys()].filter((key) => !source.includes(`'${key}'`) && !prefixes.some((prefix) => key.startsWith(`${prefix}.`)));
    expect(unused).toEqual([]);
  });
});

describe('translate', () => {
  it('fills in names and leaves unknown ones alone', () => {
    expect(translate('en', 'training.epochOf', { epoch: 2, epochs: 10 })).toBe('Epoch 2 of 10');
    expect(translate('zh', 'training.epochOf', { epoch: 2, epochs: 10 })).toBe('第 2 / 10 轮');
    expect(translate('en', 'training.epochOf', { epoch: 2 })).toBe('Epoch 2 of {epochs}');
  });
});
