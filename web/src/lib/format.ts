// Numbers, intervals, times and sizes as people read them, in the reader's language.
export type Language = 'en' | 'zh';
const locale = (language: Language) => (language === 'zh' ? 'zh-CN' : 'en-GB');

// Values that round to nothing or to everything without being it say so.
export function percent(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const step = 10 ** -digits;
  const shown = value * 100;
  if (value > 0 && shown < step) return `< ${step.toFixed(digits)}%`;
  if (value < 1 && shown > 100 - step) return `> ${(100 - step).toFixed(digits)}%`;
  return `${shown.toFixed(digits)}%`;
}

// A model's probability never reads 0 % or 100 %: its certainty is not the world's.
export function probability(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return percent(Math.min(1 - 1e-9, Math.max(1e-9, value)), digits);
}

export function figure(value: number | null | undefined, digits = 3): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(digits);
}

// Four significant digits, as measured values are read: 12.35, 0.0124, 1235.
export function measured(value: number | null | undefined, unit = ''): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return `${Number(value.toPrecision(4))}${unit ? ` ${unit}` : ''}`;
}

export function interval(lower: number | null | undefined, upper: number | null | undefined, digits = 3): string {
  return lower === null || lower === undefined || upper === null || upper === undefined ? '–' : `${figure(lower, digits)}–${figure(upper, digits)}`;
}

export function count(value: number | null | undefined, language: Language): string {
  return value === null || value === undefined ? '–' : new Intl.NumberFormat(locale(language)).format(value);
}

export function dateTime(value: string | null | undefined, language: Language): string {
  if (!value) return '–';
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? '–' : new Intl.DateTimeFormat(locale(language), { dateStyle: 'medium', timeStyle: 'short' }).format(date);
}

export function exactTime(value: string | null | undefined, language: Language): string {
  if (!value) return '–';
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? '–' : new Intl.DateTimeFormat(locale(language), { dateStyle: 'short', timeStyle: 'medium' }).format(date);
}

const spans: [Intl.RelativeTimeFormatUnit, number][] = [['year', 31536000], ['month', 2592000], ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];
export function ago(value: string | null | undefined, language: Language, now = Date.now()): string {
  if (!value) return '–';
  const seconds = (new Date(value).getTime() - now) / 1000;
  if (!Number.isFinite(seconds)) return '–';
  const format = new Intl.RelativeTimeFormat(locale(language), { numeric: 'auto' });
  for (const [unit, size] of spans) {
    if (Math.abs(seconds) >= size || unit === 'second') return format.format(Math.round(seconds / size), unit);
  }
  return '–';
}

export function duration(seconds: number | null | undefined, language: Language): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds) || seconds < 0) return '–';
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const unit = language === 'zh' ? { h: ' 小时', m: ' 分', s: ' 秒' } : { h: ' h', m: ' min', s: ' s' };
  if (h > 0) return `${h}${unit.h} ${m}${unit.m}`;
  if (m > 0) return `${m}${unit.m} ${s}${unit.s}`;
  return `${s}${unit.s}`;
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let index = 0;
  let shown = value;
  while (shown >= 1024 && index < units.length - 1) { shown /= 1024; index += 1; }
  return `${index === 0 ? shown : shown.toFixed(shown < 10 ? 1 : 0)} ${units[index]}`;
}

export const shortHash = (hash: string | null | undefined) => (hash ? hash.replace(/^sha256:/, '').slice(0, 12) : '–');
