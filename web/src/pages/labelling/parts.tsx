import { Badge, Button } from '@mantine/core';
import { Link } from 'wouter';
import type { LabellingProject, LabellingState } from '../../api/labelling';
import { useSession } from '../../app/session';
import { useI18n } from '../../i18n';

const colors: Record<LabellingState, string> = { reading: 'blue', adjudication: 'orange', finishing: 'violet', finished: 'aceso' };
export function StateOfProject({ project }: { project: LabellingProject }) {
  const { t } = useI18n();
  return <Badge color={colors[project.state]}>{t(`labelling.states.${project.state}`)}</Badge>;
}

// What somebody with a part in the project can do now.
export function WorkButton({ project }: { project: LabellingProject }) {
  const { t } = useI18n();
  const { session } = useSession();
  if (project.part === 'reader' && project.state === 'reading') {
    const mine = project.readers.find((reader) => reader.name === session?.user.name);
    if (mine?.submitted) return <Button variant="default" component={Link} href={`/labelling/${project.id}/read`}>{t('labelling.look')}</Button>;
    return <Button component={Link} href={`/labelling/${project.id}/read`}>{t(mine && mine.done > 0 ? 'labelling.resume' : 'labelling.start')}</Button>;
  }
  if (project.part === 'adjudicator' && project.state === 'adjudication' && (project.adjudicator.disagreements ?? 0) > 0) {
    return <Button component={Link} href={`/labelling/${project.id}/adjudicate`}>{t('labelling.adjudicate', { n: (project.adjudicator.disagreements ?? 0) - project.adjudicator.done })}</Button>;
  }
  return <Button variant="default" component={Link} href={`/labelling/${project.id}`}>{t('labelling.open')}</Button>;
}
