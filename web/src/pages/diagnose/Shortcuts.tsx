import { Group, Kbd, Modal, Stack, Text } from '@mantine/core';
import { useI18n, type Key } from '../../i18n';

const rows: [string[], Key][] = [
  [['O'], 'shortcuts.open'], [['Ctrl', 'V'], 'shortcuts.paste'], [['N'], 'shortcuts.next'], [['A'], 'shortcuts.agree'], [['D'], 'shortcuts.disagree'], [['U'], 'shortcuts.unsure'], [['Ctrl', '↵'], 'shortcuts.save'],
  [['+', '−', '0'], 'shortcuts.zoom'], [['←', '→', '↑', '↓'], 'shortcuts.pan'], [['[', ']'], 'shortcuts.window'], [[',', '.'], 'shortcuts.level'], [['I'], 'shortcuts.invert'], [['B'], 'shortcuts.blinded'], [['?'], 'shortcuts.help'],
];

export function Shortcuts({ opened, close }: { opened: boolean; close: () => void }) {
  const { t } = useI18n();
  return (
    <Modal opened={opened} onClose={close} title={t('diagnose.shortcuts')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack gap={10}>
        {rows.map(([keys, label]) => (
          <Group key={label} justify="space-between">
            <Text size="sm">{t(label)}</Text>
            <Group gap={4}>{keys.map((key) => <Kbd key={key}>{key}</Kbd>)}</Group>
          </Group>
        ))}
      </Stack>
    </Modal>
  );
}
