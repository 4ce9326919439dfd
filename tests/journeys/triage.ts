/** A workflow that sorts reports, with a way for each kind. */
export const TRIAGE = `steps:
  start_0a1b:
    name: Each report
    uses: trigger.manual
  classify_x4tz:
    name: Classify
    uses: items.set
    config:
      fields:
        prompt: Decide the kind.
  route_b2k8:
    name: Is it a bug?
    uses: flow.if
    config: { when: =$json.kind == 'bug' }
  bug_l3n5:
    name: Label bug
    uses: items.set
    config: { fields: { label: bug } }
  idea_h7d2:
    name: Label idea
    uses: items.set
    config: { fields: { label: idea } }
  post_p9ad:
    name: Post to chat
    uses: items.set
    config: { fields: { channel: triage } }
edges:
  - start_0a1b -> classify_x4tz
  - classify_x4tz -> route_b2k8
  - route_b2k8.true -> bug_l3n5
  - route_b2k8.false -> idea_h7d2
  - bug_l3n5 -> post_p9ad
layout:
  start_0a1b: [0, 100]
  classify_x4tz: [240, 100]
  route_b2k8: [480, 100]
  bug_l3n5: [740, 20]
  idea_h7d2: [740, 180]
  post_p9ad: [980, 20]
`;
