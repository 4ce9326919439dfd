import type { AnyNode, Document, Element } from 'domhandler';
import { SluiceError } from '#shared/error.ts';

const MOST_STEPS = 5_000_000;
const MOST_SELECTOR = 500;

/**
 * Finds elements by CSS selectors. Every look from one element at another is counted, over all selectors of one page, so
 * that no selector and no page can take more than a moment.
 */
export async function createSelect(page: Document, mostSteps = MOST_STEPS) {
  const [{ compile }, { DomUtils }] = await Promise.all([import('css-select'), import('htmlparser2')]);
  let steps = 0;
  const step = (count = 1): void => {
    steps += count;
    if (steps > mostSteps) {
      throw new SluiceError('limit.exceeded', 'The selectors take too long on this page.', {
        advice: 'Use fewer steps in a selector, and ids and classes in place of tag names.',
        details: { limit: mostSteps },
      });
    }
  };
  const counted = <A extends unknown[], R>(look: (...args: A) => R) => {
    return (...args: A): R => {
      step();
      return look(...args);
    };
  };
  const texts = new WeakMap<AnyNode, string>();
  const adapter = {
    ...DomUtils,
    isTag: counted(DomUtils.isTag) as typeof DomUtils.isTag,
    getParent: counted(DomUtils.getParent),
    getAttributeValue(element: Element, name: string) {
      const value = DomUtils.getAttributeValue(element, name);
      step(1 + (value?.length ?? 0) / 100);
      return value;
    },
    hasAttrib: counted(DomUtils.hasAttrib),
    prevElementSibling: counted(DomUtils.prevElementSibling),
    getSiblings(node: AnyNode) {
      const siblings = DomUtils.getSiblings(node);
      step(1 + siblings.length);
      return siblings;
    },
    getChildren(node: AnyNode) {
      const children = DomUtils.getChildren(node);
      step(1 + children.length);
      return children;
    },
    getText(node: AnyNode) {
      const text = texts.get(node) ?? DomUtils.textContent(node);
      texts.set(node, text);
      step(1 + text.length / 100);
      return text;
    },
    existsOne: (test: (element: Element) => boolean, nodes: AnyNode[]) =>
      DomUtils.existsOne((element) => {
        step();
        return test(element);
      }, nodes),
    findAll: (test: (element: Element) => boolean, nodes: AnyNode[]) =>
      DomUtils.findAll((element) => {
        step();
        return test(element);
      }, nodes),
  };

  /** The elements that a selector means, in their order; `most` of them. @throws SluiceError config.invalid, limit.exceeded */
  return function select(selector: string, most: number): Element[] {
    if (selector.length > MOST_SELECTOR) throw unreadable(selector, `at most ${MOST_SELECTOR} characters are allowed`);
    let matches: (element: Element) => boolean;
    try {
      matches = compile<AnyNode, Element>(selector, { adapter }, page);
    } catch (thrown) {
      if (thrown instanceof SluiceError) throw thrown;
      throw unreadable(selector, (thrown as Error).message.slice(0, 200));
    }
    const found: Element[] = [];
    const open: AnyNode[] = [...page.children].reverse();
    for (let node = open.pop(); node !== undefined && found.length < most; node = open.pop()) {
      step();
      if (!DomUtils.isTag(node)) continue;
      if (matches(node)) found.push(node);
      for (let i = node.children.length - 1; i >= 0; i--) open.push(node.children[i] as AnyNode);
    }
    return found;
  };
}

function unreadable(selector: string, why: string): SluiceError {
  return new SluiceError('config.invalid', `The selector '${selector.slice(0, 100)}' cannot be used: ${why}.`, {
    advice: 'Write it as in a style sheet, for example table.prices td:nth-child(2).',
  });
}
