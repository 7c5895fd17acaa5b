import type { Dimension, Shape } from '../graph/dimension.ts'
import { type Graph, nodesOf } from '../graph/graph.ts'
import {
  type Attribute,
  dtypeCodes,
  type Node,
  nodeKinds,
  type Result,
  type Tensor,
  type WeightSource,
} from '../graph/tensor.ts'
import {
  bytesField,
  type Field,
  floatField,
  integerField,
  join,
  messageField,
  packedIntegersField,
  stringField,
} from './protobuf.ts'

// Field numbers are those of onnx.proto.

const irVersion = 11
const operatorSets = { 'ai.onnx': 23, 'com.microsoft': 1 } as const

/** The graph as the bytes of an ONNX model. Weights stay in their files and are named by place. */
export function compile(graph: Graph): Uint8Array {
  const names = nameTensors(graph)
  const fields: Field[] = [stringField(2, 'vicrop')]
  for (const node of inFileOrder(nodesOf(graph))) fields.push(...graphFields(node, names))
  for (const [name, x] of Object.entries(graph.outputs)) {
    // A leaf, or a tensor that is asked for under two names, needs a node of its own to be an output.
    if (names(x) !== name) fields.push(nodeField('Identity', 'ai.onnx', name, [names(x)], [name], []))
    fields.push(messageField(12, valueInfo(name, x)))
  }
  const sets = Object.entries(operatorSets).map(([domain, version]) => operatorSet(domain, version))
  return join([integerField(1, irVersion), stringField(2, 'vicrop'), messageField(7, fields), ...sets])
}

/**
 * What is computed from weights alone comes first. ONNX Runtime then computes it when it is needed, and otherwise before
 * all else: the float32 form of every matrix of a model would be in memory at once.
 */
function inFileOrder(nodes: readonly Node[]): Node[] {
  const isStored = ({ kind }: Node): boolean => kind === 'Weight' || kind === 'Constant'
  const isExpansion = ({ inputs }: Node): boolean =>
    inputs.length > 0 && inputs.every(x => x === null || isStored(x.node))
  return [...nodes.filter(isExpansion), ...nodes.filter(node => !isExpansion(node))]
}

const domainField = (domain: string): string => (domain === 'ai.onnx' ? '' : domain)

const operatorSet = (domain: string, version: number): Field =>
  messageField(8, [stringField(1, domainField(domain)), integerField(2, version)])

type Names = (x: Tensor) => string

/**
 * Outputs have the names they are asked for by; everything else a readable and unique one of scope, kind and a
 * running number: "language_model.layers.3.mlp/Gemm_1".
 */
function nameTensors(graph: Graph): Names {
  const outputs = new Map<Node, Map<number, string>>()
  for (const [name, { node, index }] of Object.entries(graph.outputs)) {
    if (nodeKinds[node.kind] === 'leaf') continue
    const named = outputs.get(node) ?? new Map<number, string>()
    outputs.set(node, named.has(index) ? named : named.set(index, name))
  }
  const stems = nameNodes(graph)
  return ({ node, index }) => {
    const stem = stems.get(node) as string
    return outputs.get(node)?.get(index) ?? (index === 0 ? stem : `${stem}:${index}`)
  }
}

function nameNodes(graph: Graph): ReadonlyMap<Node, string> {
  const nodes = nodesOf(graph)
  const taken = new Set([...Object.keys(graph.outputs), ...inputNames(graph, nodes)])
  const uses = new Map<string, number>()
  const unique = (stem: string): string => {
    const use = uses.get(stem) ?? 0
    uses.set(stem, use + 1)
    const name = use === 0 ? stem : `${stem}_${use}`
    if (taken.has(name)) return unique(stem)
    taken.add(name)
    return name
  }
  return new Map(nodes.map(node => [node, isInput(node) ? node.value : unique(stemOf(node))]))
}

const isInput = (node: Node): node is Node & { value: string } => node.kind === 'Input'

const stemOf = (node: Node): string =>
  node.kind === 'Weight' ? (node.value as WeightSource).name : `${node.scope}/${node.kind}`

/** The runtime tells feeds and results apart by name alone, so each name stands for one tensor. */
function inputNames(graph: Graph, nodes: readonly Node[]): Set<string> {
  const names = new Set<string>()
  for (const { value: name } of nodes.filter(isInput)) {
    if (names.has(name))
      throw new Error(`graph: two inputs are named "${name}". Make it once and use it twice.`)
    names.add(name)
  }
  for (const [name, { node }] of Object.entries(graph.outputs)) {
    if (names.has(name) && node.value !== name)
      throw new Error(`graph: "${name}" names an input and another output. Give the output another name.`)
  }
  return names
}

function graphFields(node: Node, names: Names): Field[] {
  const results = node.results.map((result, index): Tensor => ({ node, index, ...result }))
  const first = results[0] as Tensor
  switch (node.kind) {
    case 'Input':
      return [messageField(11, valueInfo(names(first), first))]
    case 'Weight':
      return [messageField(5, externalTensor(names(first), first, node.value as WeightSource))]
    case 'Constant':
      return [
        messageField(5, [...tensorFields(names(first), first), bytesField(9, node.value as Uint8Array)]),
      ]
    default: {
      const inputs = node.inputs.map(x => (x === null ? '' : names(x)))
      const attributes = Object.entries(node.attributes).map(([name, value]) => attributeField(name, value))
      return [
        nodeField(node.kind, nodeKinds[node.kind], names(first), inputs, results.map(names), attributes),
      ]
    }
  }
}

function nodeField(
  kind: string,
  domain: string,
  name: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly Field[],
): Field {
  return messageField(1, [
    ...inputs.map(input => stringField(1, input)),
    ...outputs.map(output => stringField(2, output)),
    stringField(3, name),
    stringField(4, kind),
    ...attributes,
    stringField(7, domainField(domain)),
  ])
}

const attributeTypes = { float: 1, integer: 2, string: 3, integers: 7 } as const

function attributeField(name: string, value: Attribute): Field {
  const named = (type: keyof typeof attributeTypes, payload: Field[]): Field =>
    messageField(5, [stringField(1, name), ...payload, integerField(20, attributeTypes[type])])
  if (typeof value === 'number') return named('integer', [integerField(3, value)])
  if (typeof value === 'string') return named('string', [stringField(4, value)])
  if ('float' in value) return named('float', [floatField(2, value.float)])
  return named(
    'integers',
    value.map(item => integerField(8, item)),
  )
}

const tensorFields = (name: string, { dtype, shape }: Result): Field[] => [
  packedIntegersField(1, shape as readonly number[]),
  integerField(2, dtypeCodes[dtype]),
  stringField(8, name),
]

const externalLocation = 1

function externalTensor(name: string, result: Result, source: WeightSource): Field[] {
  const entry = (key: string, value: string): Field =>
    messageField(13, [stringField(1, key), stringField(2, value)])
  return [
    ...tensorFields(name, result),
    entry('location', source.file),
    entry('offset', `${source.offset}`),
    entry('length', `${source.length}`),
    ...packedEntries(source).map(([key, value]) => entry(key, value)),
    integerField(14, externalLocation),
  ]
}

/** As ONNX Runtime itself writes them with `session.save_external_prepacked_constant_initializers`. */
const packedEntries = ({ packed }: WeightSource): [key: string, value: string][] =>
  packed === undefined ? [] : [['prepacked_0', `${packed.key}|${packed.offset};${packed.length};0`]]

function valueInfo(name: string, { dtype, shape }: Result): Field[] {
  const type = [integerField(1, dtypeCodes[dtype]), messageField(2, shapeFields(shape))]
  return [stringField(1, name), messageField(2, [messageField(1, type)])]
}

const shapeFields = (shape: Shape): Field[] => shape.map(size => messageField(1, [dimensionField(size)]))

const dimensionField = (size: Dimension): Field =>
  typeof size === 'number' ? integerField(1, size) : stringField(2, size)
