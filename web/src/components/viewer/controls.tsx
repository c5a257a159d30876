// Buttons that the viewers share.
import { ActionIcon, Button, Menu, Text, Tooltip } from '@mantine/core';
import { type LucideIcon } from 'lucide-react';
import { memo } from 'react';
import { useI18n } from '../../i18n';
import { presets, type Voi } from '../../lib/stack';

interface ButtonProps { label: string; icon: LucideIcon; pressed?: boolean; command: string; run: (command: string) => void; disabled?: boolean }
export const ToolButton = memo(function ToolButton({ label, icon: Icon, pressed, command, run, disabled }: ButtonProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant={pressed ? 'light' : 'subtle'} color={pressed ? 'aceso' : 'gray'} size="lg" aria-label={label} aria-pressed={pressed} disabled={disabled} onClick={() => run(command)}><Icon size={18} /></ActionIcon>
    </Tooltip>
  );
});

// `windows`: as JSON, which is equal where arrays are not.
export const PresetMenu = memo(function PresetMenu({ modality, windows, disabled, choose }: { modality: string; windows: string; disabled: boolean; choose: (window: { center: number; width: number } | null) => void }) {
  const { t } = useI18n();
  return (
    <Menu position="top-start" withinPortal>
      <Menu.Target><Button size="compact-sm" variant="default" disabled={disabled}>{t('stack.presets')}</Button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => choose(null)}>{t('stack.asSent')}</Menu.Item>
        {(presets[modality] ?? []).map((preset, n) => <Menu.Item key={preset.key} onClick={() => choose(preset)} rightSection={<Text size="xs" c="dimmed" className="num">{n + 1}</Text>}>{t(`stack.preset.${preset.key}`)} <Text span size="xs" c="dimmed" className="num">W {preset.width} L {preset.center}</Text></Menu.Item>)}
        {(JSON.parse(windows) as Voi[]).map((one) => <Menu.Item key={`${one.center}/${one.width}`} onClick={() => choose(one)}>{one.label || t('stack.otherWindow')} <Text span size="xs" c="dimmed" className="num">W {Math.round(one.width)} L {Math.round(one.center)}</Text></Menu.Item>)}
      </Menu.Dropdown>
    </Menu>
  );
});
