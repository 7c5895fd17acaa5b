import { formatShape } from './dimension.ts'
import { type Graph, nodesOf } from './graph.ts'
import { constantValues } from './ops.ts'
import type { Attribute, Node, Result, Tensor } from './tensor.ts'

/**
 * A graph as text, one node a line: its results with type and shape, what it computes, and the scope where it
 * changes. Leaves are written where they are used: inputs and weights by name, small constants by value.
 */
export function print(graph: Graph): string {
  const numbers = new Map<Node, number>()
  const lines: string[] = []
  let scope = ''
  for (const node of nodesOf(graph)) {
    if (isLeaf(node)) continue
    if (node.scope !== scope) lines.push(`  # ${node.scope}`.trimEnd())
    scope = node.scope
    numbers.set(node, numbers.size)
    lines.push(`  ${printNode(node, numbers)}`)
  }
  const outputs = Object.entries(graph.outputs).map(([name, x]) => `${name} = ${reference(x, numbers)}`)
  return [`(${printInputs(graph)})`, ...lines, `  return ${outputs.join(', ')}`].join('\n')
}

const isLeaf = (node: Node): boolean =>
  node.kind === 'Input' || node.kind === 'Weight' || node.kind === 'Constant'

function printInputs(graph: Graph): string {
  const inputs = nodesOf(graph).filter(node => node.kind === 'Input')
  return inputs.map(node => `${node.value}: ${printResult(node.results[0] as Result)}`).join(', ')
}

const printResult = ({ dtype, shape }: Result): string => `${dtype}${formatShape(shape)}`

function printNode(node: Node, numbers: ReadonlyMap<Node, number>): string {
  const results = node.results.map((result, i) => `${name(node, i, numbers)}: ${printResult(result)}`)
  const inputs = node.inputs.map(x => (x === null ? '_' : reference(x, numbers)))
  const attributes = Object.entries(node.attributes).map(([key, value]) => `${key}=${printAttribute(value)}`)
  return `${results.join(', ')} = ${node.kind}(${[...inputs, ...attributes].join(', ')})`
}

const printAttribute = (value: Attribute): string =>
  typeof value === 'object' && 'float' in value ? `${value.float}` : JSON.stringify(value)

function reference(x: Tensor, numbers: ReadonlyMap<Node, number>): string {
  const { kind, value } = x.node
  if (kind === 'Input') return value as string
  if (kind === 'Weight') return JSON.stringify((value as { name: string }).name)
  if (kind === 'Constant') return printConstant(x)
  return name(x.node, x.index, numbers)
}

const name = (node: Node, index: number, numbers: ReadonlyMap<Node, number>): string =>
  node.results.length === 1 ? `%${numbers.get(node)}` : `%${numbers.get(node)}.${index}`

/** More values than this and a constant is printed by its type alone. */
const printedValues = 8

function printConstant(x: Tensor): string {
  const values = constantValues(x)
  if (values.length > printedValues) return printResult(x)
  return x.shape.length === 0 ? `${values[0]}` : `[${values.join(',')}]`
}
