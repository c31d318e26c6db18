import Changes
import Connectors
import HTTP
import JSON
import Support

/// A connector to a service that speaks SOAP, scripted or real.
enum SOAPScene {
  /// The customer service that `scripts/peers/soap` starts, and the scripted ones that pretend to be it.
  static func manifest(wsdl: String, rest: String = "") -> String {
    """
    name: customers
    engine: soap
    wsdl: "\(wsdl)"
    header: { Auth: { user: "{user}", password: "{password}" } }
    faults: { Client.VersionConflict: conflict, Client.ResourceNotFound: gone, Client.Authentication: unavailable }
    \(rest)
    objects:
      customers:
        list:
          operation: ChangedSince
          send: { cursor: "{cursor}", pageSize: "{size}" }
          size: 4
          items: ChangedSinceResult.customers.Customer
          more: ChangedSinceResult.more
          cursor: ChangedSinceResult.cursor
        read: { operation: Get, send: { id: "{id}" }, item: GetResult }
        find: { listing: true }
        create: { operation: Create, wrap: customer, item: CreateResult }
        update: { operation: Update, wrap: customer, item: UpdateResult, whole: true }
        delete: { operation: Delete, send: { id: "{id}" } }
        version: version
        modified_at: { path: changed }
        deleted: { field: deleted }
    """
  }

  static func object(
    _ manifest: String, url: String, auth: [String: String] = ["user": "sync", "password": "s3cret"],
    folder: String = ".", name: String = "customers"
  ) throws -> any RemoteObject {
    try Connector(
      name: "crm", manifest: try Manifest(text: manifest, file: "soap.yaml"), url: url, auth: auth, folder: folder,
      client: HTTPClient()
    ).object(name, pull: .every(.zero))
  }

  /// An answer with one element in its body.
  static func answer(_ body: String, status: Int = 200, version: String = "1.1") -> ScriptedServer.Reply {
    let namespace =
      version == "1.1" ? "http://schemas.xmlsoap.org/soap/envelope/" : "http://www.w3.org/2003/05/soap-envelope"
    return .answer(
      status, headers: [("Content-Type", "text/xml")],
      body:
        "<?xml version='1.0'?><s:Envelope xmlns:s='\(namespace)' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>"
        + "<s:Header/><s:Body>\(body)</s:Body></s:Envelope>")
  }

  /// A fault of SOAP 1.1.
  static func fault(_ code: String, _ text: String = "no") -> ScriptedServer.Reply {
    answer("<s:Fault><faultcode>s:\(code)</faultcode><faultstring>\(text)</faultstring></s:Fault>", status: 500)
  }

  /// Everything the object tells from a position on, until nothing more is there.
  static func all(_ object: any RemoteObject, after start: Position?) async throws -> ([Change], Position) {
    guard case .told(let source) = object.changes else { throw Failure(code: "test", message: "it tells nothing") }
    var (changes, position): ([Change], Position?) = ([], start)
    while true {
      let batch = try await source.next(after: position)
      changes += batch.changes
      position = batch.through
      if batch.completeAsOf != nil { return (changes, batch.through) }
    }
  }

  /// The part of a customer service's WSDL that matters.
  static let wsdl = """
    <?xml version="1.0"?>
    <w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
        xmlns:s12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:t="urn:t" targetNamespace="urn:t">
      <w:types>
        <x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t" elementFormDefault="qualified">
          <x:simpleType name="Code"><x:restriction base="t:Short"/></x:simpleType>
          <x:simpleType name="Short"><x:restriction base="x:string"><x:maxLength value="9"/></x:restriction></x:simpleType>
          <x:complexType name="Thing">
            <x:sequence><x:element name="id" type="x:long" minOccurs="0"/><x:element ref="t:note" minOccurs="0"/></x:sequence>
          </x:complexType>
          <x:element name="note" type="x:string"/>
          <x:complexType name="Customer">
            <x:complexContent><x:extension base="t:Thing"><x:sequence>
              <x:element name="name" type="x:string"/>
              <x:choice><x:element name="code" type="t:Code"/><x:element name="number" type="x:int"/></x:choice>
              <x:element name="credit" type="x:decimal" minOccurs="0" nillable="true"/>
              <x:element name="active" type="x:boolean" minOccurs="0"/>
              <x:element name="tag" type="x:string" minOccurs="0" maxOccurs="unbounded"/>
              <x:element name="version" type="x:int" minOccurs="0"/>
              <x:element name="inner" minOccurs="0" form="unqualified"><x:complexType><x:sequence>
                <x:element name="deep" type="x:int"/></x:sequence></x:complexType></x:element>
            </x:sequence><x:attribute name="kind" type="x:string"/></x:extension></x:complexContent>
          </x:complexType>
          <x:element name="Auth"><x:complexType><x:sequence>
            <x:element name="user" type="x:string"/><x:element name="password" type="x:string"/>
          </x:sequence></x:complexType></x:element>
          <x:element name="Get"><x:complexType><x:sequence><x:element name="id" type="x:long"/></x:sequence></x:complexType></x:element>
          <x:element name="GetResponse"><x:complexType><x:sequence>
            <x:element name="GetResult" type="t:Customer" minOccurs="0"/></x:sequence></x:complexType></x:element>
          <x:element name="Put"><x:complexType><x:sequence>
            <x:element name="customer" type="t:Customer"/></x:sequence></x:complexType></x:element>
          <x:element name="PutResponse"><x:complexType><x:sequence>
            <x:element name="PutResult" type="t:Customer" minOccurs="0"/></x:sequence></x:complexType></x:element>
        </x:schema>
      </w:types>
      <w:message name="GetIn"><w:part name="parameters" element="t:Get"/></w:message>
      <w:message name="GetOut"><w:part name="parameters" element="t:GetResponse"/></w:message>
      <w:message name="PutIn"><w:part name="parameters" element="t:Put"/></w:message>
      <w:message name="PutOut"><w:part name="parameters" element="t:PutResponse"/></w:message>
      <w:message name="SumIn"><w:part name="a" type="xs:int" xmlns:xs="http://www.w3.org/2001/XMLSchema"/></w:message>
      <w:portType name="P">
        <w:operation name="Get"><w:input message="t:GetIn"/><w:output message="t:GetOut"/></w:operation>
        <w:operation name="Put"><w:input message="t:PutIn"/><w:output message="t:PutOut"/></w:operation>
        <w:operation name="Sum"><w:input message="t:SumIn"/><w:output message="t:SumIn"/></w:operation>
      </w:portType>
      <w:binding name="B" type="t:P">
        <s:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
        <w:operation name="Get"><s:operation soapAction="urn:t/Get"/>
          <w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation>
        <w:operation name="Put"><s:operation soapAction="urn:t/Put"/>
          <w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation>
        <w:operation name="Sum"><s:operation soapAction="" style="rpc"/>
          <w:input><s:body use="literal" namespace="urn:rpc"/></w:input><w:output><s:body use="literal"/></w:output></w:operation>
      </w:binding>
      <w:binding name="B12" type="t:P">
        <s12:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
        <w:operation name="Get"><s12:operation soapAction="urn:t/Get12"/>
          <w:input><s12:body use="literal"/></w:input><w:output><s12:body use="literal"/></w:output></w:operation>
      </w:binding>
      <w:service name="S"><w:port name="B" binding="t:B"><s:address location="http://elsewhere.example/soap"/></w:port></w:service>
    </w:definitions>
    """
}
