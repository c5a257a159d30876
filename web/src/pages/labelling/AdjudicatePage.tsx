export { AdjudicatePage as default } from './WorkPage';
