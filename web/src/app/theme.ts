// Colours, type and component defaults. Light and dark are both tuned so that text keeps at least 4.5:1 against its ground.
import { createTheme, defaultVariantColorsResolver, type CSSVariablesResolver, type MantineColorsTuple, type VariantColorsResolver } from '@mantine/core';

const aceso: MantineColorsTuple = ['#eaf8f4', '#d2efe6', '#a6e2d2', '#76d3bb', '#4cc4a6', '#2fb394', '#1b9c7f', '#0f7d66', '#0a6653', '#064c3e'];
// A neutral dark for reading rooms: no hue that could tint a greyscale image beside it.
const dark: MantineColorsTuple = ['#d9dbdd', '#bcbfc2', '#9da1a5', '#63676b', '#3a3d40', '#2a2c2e', '#1d1f20', '#151617', '#0d0e0f', '#060606'];

// Filled grounds are deep in the light theme and pale in the dark one: the text on them follows the theme, not the tuple.
const variantColors: VariantColorsResolver = (input) => {
  const colors = defaultVariantColorsResolver(input);
  return input.variant === 'filled' && !input.gradient ? { ...colors, color: 'var(--aceso-on-filled)' } : colors;
};

export const theme = createTheme({
  variantColorResolver: variantColors,
  primaryColor: 'aceso',
  primaryShade: { light: 7, dark: 4 },
  colors: { aceso, dark },
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'WenQuanYi Micro Hei', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  defaultRadius: 'md',
  cursorType: 'pointer',
  focusRing: 'auto',
  respectReducedMotion: true,
  headings: { fontWeight: '600', sizes: { h1: { fontSize: '1.5rem', lineHeight: '1.25' }, h2: { fontSize: '1.0625rem', lineHeight: '1.35' }, h3: { fontSize: '0.9375rem', lineHeight: '1.4' } } },
  components: {
    Paper: { defaultProps: { withBorder: true, radius: 'lg' } },
    Button: { defaultProps: { size: 'sm' } },
    TextInput: { defaultProps: { size: 'sm' } },
    Select: { defaultProps: { size: 'sm', allowDeselect: false, checkIconPosition: 'right' } },
    Table: { defaultProps: { verticalSpacing: 'sm', horizontalSpacing: 'md', highlightOnHover: false } },
    Modal: { defaultProps: { centered: true, radius: 'lg', overlayProps: { backgroundOpacity: 0.5, blur: 2 } } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250, events: { hover: true, focus: true, touch: false } } },
    Badge: { defaultProps: { radius: 'sm', variant: 'light' }, styles: { root: { textTransform: 'none', fontWeight: 550, letterSpacing: 0, maxWidth: 'none', flexShrink: 0, overflow: 'visible' }, label: { overflow: 'visible' } } },
  },
});

const named = ['red', 'pink', 'grape', 'violet', 'indigo', 'blue', 'cyan', 'teal', 'green', 'lime', 'yellow', 'orange', 'gray', 'aceso'];

export const cssVariables: CSSVariablesResolver = (t) => {
  const light: Record<string, string> = {
    '--mantine-color-dimmed': '#565d64',
    '--mantine-color-placeholder': '#656c73',
    '--mantine-color-error': t.colors.red[9],
    '--mantine-color-anchor': t.colors.aceso![8],
    '--aceso-on-filled': '#ffffff',
    '--mantine-primary-color-contrast': '#ffffff',
    '--aceso-canvas': '#f5f6f7',
    '--aceso-line': '#dfe2e5',
    '--aceso-line-strong': '#8a9096',
    '--aceso-series-1': '#0f7d66',
    '--aceso-series-2': '#b4531f',
    '--aceso-series-3': '#3b5bdb',
    '--aceso-series-4': '#8a3fa8',
    '--aceso-subtle': '#f1f3f4',
    '--aceso-positive': '#b4331f',
    '--aceso-negative': '#0f7d66',
  };
  const night: Record<string, string> = {
    '--mantine-color-dimmed': t.colors.dark[2],
    '--mantine-color-placeholder': '#8b8f93',
    '--mantine-color-error': t.colors.red[4],
    '--mantine-color-anchor': t.colors.aceso![3],
    '--aceso-on-filled': '#08130f',
    '--mantine-primary-color-contrast': '#08130f',
    '--aceso-canvas': '#0d0e0f',
    '--aceso-line': '#2a2c2e',
    '--aceso-line-strong': '#6d7175',
    '--aceso-series-1': '#4cc4a6',
    '--aceso-series-2': '#ffae7a',
    '--aceso-series-3': '#91a7ff',
    '--aceso-series-4': '#d9a3f0',
    '--aceso-subtle': '#1d1f20',
    '--aceso-positive': '#ff9d7a',
    '--aceso-negative': '#76d3bb',
  };
  for (const name of named) {
    const tuple = t.colors[name]!;
    const deep = name === 'yellow' || name === 'lime' ? '#5c3d00' : name === 'orange' ? '#8f3400' : name === 'red' ? '#b52323' : tuple[9];
    light[`--mantine-color-${name}-light-color`] = deep;
    light[`--mantine-color-${name}-text`] = deep;
    if (name !== 'aceso') light[`--mantine-color-${name}-filled`] = deep;
    light[`--mantine-color-${name}-outline`] = deep;
    night[`--mantine-color-${name}-light-color`] = tuple[2];
    night[`--mantine-color-${name}-text`] = tuple[3];
    night[`--mantine-color-${name}-outline`] = tuple[3];
  }
  return { variables: {}, light, dark: night };
};
