"""Search spaces <-> the JSON documents in which they are stored. See ``documents``.

Older documents have no conditions, priors and sums: these are left out where
there are none, so that a plain space reads as it always did.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from trimtab_service.domain.condition import Condition
from trimtab_service.domain.linear import LinearConstraint, Simplex
from trimtab_service.domain.prior import NormalPrior, Prior, WeightsPrior
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Parameter, Scale, SearchSpace

Document: TypeAlias = dict[str, Any]


def space_document(space: SearchSpace) -> list[Document]:
    """Its parameters, in order; then, where there are any, what they must have together."""
    return [
        *(parameter_document(parameter) for parameter in space.parameters),
        *(
            {"kind": "linear_constraint", "weights": dict(law.weights), "min": law.min, "max": law.max}
            for law in space.linear_constraints
        ),
        *({"kind": "simplex", "parameters": list(law.parameters), "total": law.total} for law in space.simplexes),
    ]


def space_of(document: list[Document]) -> SearchSpace:
    """Inverse of ``space_document``."""
    constraints = [item for item in document if item["kind"] == "linear_constraint"]
    simplexes = [item for item in document if item["kind"] == "simplex"]
    return SearchSpace(
        tuple(parameter_of(item) for item in document[: len(document) - len(constraints) - len(simplexes)]),
        tuple(LinearConstraint(item["weights"], item["min"], item["max"]) for item in constraints),
        tuple(Simplex(tuple(item["parameters"]), item["total"]) for item in simplexes),
    )


def parameter_document(parameter: Parameter) -> Document:
    """The declaration of a parameter, or of a context value."""
    common: Document = {"name": parameter.name, "description": parameter.description}
    if parameter.conditions:
        common["conditions"] = [_condition_document(condition) for condition in parameter.conditions]
    if parameter.prior is not None:
        common["prior"] = _prior_document(parameter.prior)
    match parameter:
        case Float():
            bounds = {"min": parameter.min, "max": parameter.max, "step": parameter.step}
            return {"kind": "float", **common, **bounds, "scale": parameter.scale.value}
        case Integer():
            bounds = {"min": parameter.min, "max": parameter.max}
            return {"kind": "integer", **common, **bounds, "scale": parameter.scale.value}
        case Categorical():
            return {"kind": "categorical", **common, "values": list(parameter.choices)}
        case Discrete():
            return {"kind": "discrete", **common, "values": list(parameter.choices)}


def parameter_of(document: Document) -> Parameter:
    """Inverse of ``parameter_document``."""
    common: Any = {
        "name": document["name"],
        "description": document["description"],
        "conditions": tuple(_condition_of(item) for item in document.get("conditions", ())),
        "prior": _prior_of(document["prior"]) if "prior" in document else None,
    }
    match document["kind"]:
        case "float":
            bounds: Any = {"min": document["min"], "max": document["max"], "step": document["step"]}
            return Float(**common, **bounds, scale=Scale(document["scale"]))
        case "integer":
            return Integer(**common, min=document["min"], max=document["max"], scale=Scale(document["scale"]))
        case "categorical":
            return Categorical(**common, choices=tuple(document["values"]))
        case "discrete":
            return Discrete(**common, choices=tuple(document["values"]))
    raise ValueError(f"{document['kind']!r} is no kind of parameter")


def _condition_document(condition: Condition) -> Document:
    if condition.values:
        return {"parameter": condition.parameter, "values": list(condition.values)}
    return {"parameter": condition.parameter, "min": condition.min, "max": condition.max}


def _condition_of(document: Document) -> Condition:
    return Condition(document["parameter"], tuple(document.get("values", ())), document.get("min"), document.get("max"))


def _prior_document(prior: Prior) -> Document:
    match prior:
        case NormalPrior():
            return {"mean": prior.mean, "spread": prior.spread}
        case WeightsPrior():
            return {"weights": list(prior.weights)}


def _prior_of(document: Document) -> Prior:
    if "weights" in document:
        return WeightsPrior(tuple(document["weights"]))
    return NormalPrior(document["mean"], document["spread"])
