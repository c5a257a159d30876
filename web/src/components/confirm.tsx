// One way to ask before something that cannot, or not easily, be taken back.
import { Text } from '@mantine/core';
import { modals } from '@mantine/modals';
import type { ReactNode } from 'react';

interface Question { title: string; text: ReactNode; confirm: string; cancel: string; danger?: boolean; onConfirm: () => void }

export function ask({ title, text, confirm, cancel, danger, onConfirm }: Question) {
  modals.openConfirmModal({
    title: <Text span fw={600}>{title}</Text>, children: typeof text === 'string' ? <Text size="sm">{text}</Text> : text, labels: { confirm, cancel },
    confirmProps: danger ? { color: 'red' } : {}, onConfirm, withCloseButton: false,
  });
}
