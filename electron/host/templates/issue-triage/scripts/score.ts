type Subject = { number: number; title: string; body: string | null; comments?: number; labels?: { name: string }[] };
type Delivery = { json: { body: { issue?: Subject; pull_request?: Subject; repository: { full_name: string } } } };

const WEIGHTS: Record<string, number> = { bug: 3, security: 5, regression: 4, question: -1 };

/** Labels weigh most; a long report and a discussion add a little. */
export default (item: Delivery) => {
  const { issue, pull_request: pull, repository } = item.json.body;
  const subject = issue ?? pull;
  if (!subject) return;
  const labels = (subject.labels ?? []).map((label) => label.name.toLowerCase());
  const weight = labels.reduce((sum, label) => sum + (WEIGHTS[label] ?? 1), 0);
  const length = Math.min(3, Math.floor((subject.body ?? '').length / 200));
  const talk = Math.min(2, subject.comments ?? 0);
  return {
    key: `${repository.full_name}#${subject.number}`,
    kind: issue ? 'issue' : 'pull',
    number: subject.number,
    title: subject.title,
    score: weight + length + talk,
  };
};
