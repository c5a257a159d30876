// Two languages, one typed dictionary each: a key that exists in one only does not compile, and a test compares their variables.
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import type { Language } from '../lib/format';
import { en } from './en';
import { zh } from './zh';

type Leaves<T, P extends string = ''> = { [K in keyof T & string]: T[K] extends string ? `${P}${K}` : Leaves<T[K], `${P}${K}.`> }[keyof T & string];
export type Key = Leaves<typeof en>;
type Same<T> = { [K in keyof T]: T[K] extends string ? string : Same<T[K]> };
export type Dictionary = Same<typeof en>;
export const dictionaries: Record<Language, Dictionary> = { en, zh };
export type Values = Record<string, string | number>;

export function translate(language: Language, key: string, values?: Values): string {
  let node: unknown = dictionaries[language];
  for (const step of key.split('.')) node = (node as Record<string, unknown> | undefined)?.[step];
  if (typeof node !== 'string') return key;
  return values ? node.replace(/\{(\w+)\}/g, (all, name: string) => (name in values ? String(values[name]) : all)) : node;
}

export function hasKey(key: string): key is Key {
  let node: unknown = en;
  for (const step of key.split('.')) node = (node as Record<string, unknown> | undefined)?.[step];
  return typeof node === 'string';
}

export type Translate = (key: Key, values?: Values) => string;
interface I18n { language: Language; setLanguage: (language: Language) => void; t: Translate; maybe: (prefix: string, name: string) => string }
const Context = createContext<I18n | null>(null);
const storageKey = 'aceso-language';

export function initialLanguage(): Language {
  try {
    const kept = localStorage.getItem(storageKey);
    if (kept === 'en' || kept === 'zh') return kept;
  } catch {
    // storage refused: the browser's language decides
  }
  return /^zh\b/i.test(navigator.language) ? 'zh' : 'en';
}

export function I18nProvider({ children, initial }: { children: ReactNode; initial?: Language }) {
  const [language, setState] = useState<Language>(() => initial ?? initialLanguage());
  useEffect(() => { document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en'; }, [language]);
  const setLanguage = useCallback((next: Language) => {
    setState(next);
    try {
      localStorage.setItem(storageKey, next);
    } catch {
      // storage refused: the choice lasts for this page
    }
  }, []);
  const value = useMemo<I18n>(() => {
    const t: Translate = (key, values) => translate(language, key, values);
    return { language, setLanguage, t, maybe: (prefix, name) => (hasKey(`${prefix}.${name}`) ? translate(language, `${prefix}.${name}`) : name) };
  }, [language, setLanguage]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function useI18n(): I18n {
  const value = useContext(Context);
  if (!value) throw new Error('useI18n outside I18nProvider');
  return value;
}
